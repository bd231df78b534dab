import ts from "typescript";

/**
 * Reports `record[name]` where the record may have any key and the name is not written out. A name that a user chose may
 * be `constructor` or `__proto__`, which every object inherits: reading one finds Object.prototype's, and assigning to
 * `__proto__` sets no key at all.
 */
export const ownKeys = {
  rules: {
    index: {
      meta: {
        type: "problem",
        schema: [],
        messages: {
          read: "Read a record by own(record, name) of components/shared/own.ts, or use a Map: an inherited key is no entry.",
          write: "Make a record by Object.fromEntries, or use a Map: assigning to the key __proto__ makes no entry.",
        },
      },
      create(context) {
        const services = context.sourceCode.parserServices;
        const checker = services.program.getTypeChecker();
        return {
          MemberExpression(node) {
            if (!node.computed || node.property.type === "Literal") return;
            const keys = services.getTypeAtLocation(node.property);
            if (!hasAnyString(keys) || !isRecord(checker, services.getTypeAtLocation(node.object))) return;
            const { parent } = node;
            const written = parent.type === "AssignmentExpression" && parent.left === node;
            context.report({ node, messageId: written ? "write" : "read" });
          },
          BinaryExpression(node) {
            if (node.operator !== "in" || !hasAnyString(services.getTypeAtLocation(node.left))) return;
            if (node.left.type !== "Literal") context.report({ node, messageId: "read" });
          },
        };
      },
    },
  },
};

/** Whether a key may be any string; a union of literals is the program's own choice. */
function hasAnyString(type) {
  if (type.isUnion()) return type.types.some(hasAnyString);
  return (type.flags & (ts.TypeFlags.String | ts.TypeFlags.Any | ts.TypeFlags.TemplateLiteral)) !== 0;
}

function isRecord(checker, type) {
  if (type.isUnion()) return type.types.some((each) => isRecord(checker, each));
  return checker.getIndexInfoOfType(checker.getNonNullableType(type), ts.IndexKind.String) !== undefined;
}
