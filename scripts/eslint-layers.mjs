import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/**
 * ESLint configuration that keeps imports in one direction. Each layer is a list of folders and files; the longest entry
 * that fits a file gives the file its layer, and a file imports from its own layer and from earlier ones. Import cycles
 * are refused as well. Type imports and `require` count.
 *
 * @param {string} root the project's folder
 * @param {readonly (readonly string[])[]} layers first to last
 * @param {readonly (readonly [from: string, to: string])[]} exceptions files or folders that may import others
 */
export function layerRules(root, layers, exceptions) {
  const excepted = (file, target) => exceptions.some(([from, to]) => isIn(file, from) && isIn(target, to));
  const imports = new Map(
    sourceFiles(root).map((file) => [file, importsOf(root, file).filter(({ target }) => !excepted(file, target))]),
  );
  const cycleOf = cycles(new Map([...imports].map(([file, all]) => [file, all.map(({ target }) => target)])));
  return [...imports].flatMap(([file, all]) => {
    const from = layerOf(layers, file);
    const problems = all.flatMap(({ specifier, target }) => {
      const to = layerOf(layers, target);
      if (to.index > from.index) return [{ specifier, message: `${to.entry} is a later layer than ${from.entry}.` }];
      const cycle = cycleOf.get(file);
      return cycle?.includes(target) ? [{ specifier, message: `Import cycle: ${cycle.join(", ")}.` }] : [];
    });
    // Problems are an option of the rule, so that ESLint's cache follows them when another file causes them.
    return problems.length === 0
      ? []
      : [{ files: [file], plugins: { layers: plugin }, rules: { "layers/imports": ["error", problems] } }];
  });
}

/** Reports the problems that its option has for the imports of a file. */
const plugin = {
  rules: {
    imports: {
      meta: { type: "problem", schema: [{ type: "array" }] },
      create(context) {
        const check = (node, source) => {
          for (const { specifier, message } of context.options[0]) {
            if (source?.value === specifier) context.report({ node, message });
          }
        };
        return {
          ImportDeclaration: (node) => check(node, node.source),
          ExportNamedDeclaration: (node) => check(node, node.source),
          ExportAllDeclaration: (node) => check(node, node.source),
          ImportExpression: (node) => check(node, node.source),
          TSImportType: (node) => check(node, node.source),
          CallExpression: (node) => node.callee.name === "require" && check(node, node.arguments[0]),
        };
      },
    },
  },
};

function sourceFiles(root) {
  const skipped = /^(node_modules|coverage|\.git|\.talos-mesh)$/;
  const list = (folder) =>
    readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) return skipped.test(entry.name) ? [] : list(name);
      return /\.(ts|cjs|mjs)$/.test(entry.name) ? [name] : [];
    });
  return list("");
}

/** The files of the project that a file imports, with the text of each import. */
export function importsOf(root, file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(path.join(root, file), "utf8"), true, true);
  return importedFiles.flatMap(({ fileName: specifier }) => {
    if (!specifier.startsWith(".")) return [];
    const base = path.posix.join(path.posix.dirname(file), specifier);
    const candidates = [base, `${base}.ts`, `${base}/index.ts`, `${base}.cjs`].filter((one) =>
      /\.[cm]?[jt]s$/.test(one),
    );
    const target = candidates.find((one) => existsSync(path.join(root, one)));
    return target === undefined ? [] : [{ specifier, target }];
  });
}

function isIn(file, entry) {
  return file === entry || file.startsWith(`${entry}/`);
}

function layerOf(layers, file) {
  const fitting = layers.flatMap((entries, index) =>
    entries.filter((entry) => isIn(file, entry)).map((entry) => ({ index, entry })),
  );
  const [longest] = fitting.sort((a, b) => b.entry.length - a.entry.length);
  return longest ?? { index: layers.length, entry: file };
}

/** The files of the cycle that each file is part of: Tarjan's strongly connected components. */
export function cycles(graph) {
  const [order, low, stack, found] = [new Map(), new Map(), [], new Map()];
  const visit = (file) => {
    order.set(file, order.size);
    low.set(file, order.get(file));
    stack.push(file);
    for (const target of graph.get(file) ?? []) {
      if (!order.has(target)) visit(target);
      if (stack.includes(target)) low.set(file, Math.min(low.get(file), low.get(target)));
    }
    if (low.get(file) !== order.get(file)) return;
    const members = stack.splice(stack.indexOf(file));
    for (const member of members.length > 1 ? members : []) found.set(member, members);
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return found;
}
