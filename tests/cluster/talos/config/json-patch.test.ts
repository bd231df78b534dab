import assert from "node:assert/strict";
import fc from "fast-check";
import { isJsonPatch, type Operation, toStrategicMerge } from "../../../../components/cluster/talos/config/json-patch";
import { convertPatch } from "../../../../components/cluster/talos/config/user-patches";
import { isTree, mergeValues, type Tree } from "../../../../components/shared/merge";

/** RFC 6902 for mappings: `add` needs the parent, `replace` the value itself. */
function applyJsonPatch(document: Tree, operations: readonly Operation[]): Tree {
  return operations.reduce((result, { path, value }) => {
    const keys = path
      .slice(1)
      .split("/")
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    return assign(result, keys, value);
  }, document);
}

function assign(tree: Tree, [key = "", ...inner]: readonly string[], value: unknown): Tree {
  if (inner.length === 0) return { ...tree, [key]: value };
  const child = tree[key];
  assert.ok(isTree(child), "the generator created a patch that RFC 6902 refuses");
  return { ...tree, [key]: assign(child, inner, value) };
}

// Keys with what a JSON pointer escapes; never a number, which would be a position in a list.
const key = fc.stringMatching(/^[a-z][a-z~/.-]{0,5}$/);
const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean());
const { tree } = fc.letrec<{ tree: Tree; value: unknown }>((tie) => ({
  tree: fc.dictionary(key, tie("value"), { maxKeys: 4 }).map((plain) => ({ ...plain })),
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, scalar, tie("tree")),
}));

function pointer(keys: readonly string[]): string {
  return `/${keys.map((one) => one.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
}

/** Every mapping of a tree, by its path. */
function* mappings(document: Tree, keys: readonly string[] = []): Iterable<readonly [readonly string[], Tree]> {
  yield [keys, document];
  for (const [name, value] of Object.entries(document)) if (isTree(value)) yield* mappings(value, [...keys, name]);
}

/** A document and operations on it: new keys with any value, and keys that hold a scalar with another. */
const patched = tree.chain((document) => {
  const found = [...mappings(document)];
  const operation = fc
    .tuple(fc.constantFrom(...found), key, fc.oneof(scalar, tree), fc.nat())
    .map(([[keys, map], fresh, value, pick]): Operation => {
      const scalars = Object.keys(map).filter((name) => !isTree(map[name]));
      if (scalars.length > 0 && pick % 2 === 0) {
        return { op: "replace", path: pointer([...keys, scalars[pick % scalars.length] ?? fresh]), value };
      }
      return { op: "add", path: pointer([...keys, Object.hasOwn(map, fresh) ? `new-${fresh}` : fresh]), value };
    });
  return fc.array(operation, { maxLength: 4 }).map((operations) => ({ document, operations }));
});

describe("JSON patches as strategic merge", () => {
  it("has the same effect on mappings as RFC 6902", () => {
    fc.assert(
      fc.property(patched, ({ document, operations }) => {
        const { tree: converted, problems } = toStrategicMerge(operations);
        assert.deepEqual(problems, []);
        assert.deepEqual(mergeValues(document, converted), applyJsonPatch(document, operations));
      }),
      { seed: 6902, numRuns: 500 },
    );
  });

  it("changes nothing of its input and shares nothing with it", () => {
    const value = { a: { b: 1 } };
    const { tree: converted } = toStrategicMerge([
      { op: "add", path: "/x", value },
      { op: "add", path: "/x/a/c", value: 2 },
    ]);
    assert.deepEqual(converted, { x: { a: { b: 1, c: 2 } } });
    assert.deepEqual(value, { a: { b: 1 } });
  });

  it("merges a mapping into an existing one, the one difference", () => {
    const { tree: converted } = toStrategicMerge([{ op: "replace", path: "/a", value: { b: 1 } }]);
    assert.deepEqual(mergeValues({ a: { c: 2 } }, converted), { a: { b: 1, c: 2 } });
  });

  const refusals: readonly (readonly [operation: Operation, message: string])[] = [
    [
      { op: "remove", path: "/machine/sysctls" },
      "remove /machine/sysctls: cannot be converted; write `machine: { sysctls: { $patch: delete } }`",
    ],
    [
      { op: "test", path: "/machine/type", value: "worker" },
      "test /machine/type: cannot be converted; add and replace can",
    ],
    [{ op: "move", path: "/machine/type" }, "move /machine/type: cannot be converted; add and replace can"],
    [{ op: "copy", path: "/machine/type" }, "copy /machine/type: cannot be converted; add and replace can"],
    [
      { op: "add", path: "/machine/network/interfaces/0/dhcp", value: true },
      "add /machine/network/interfaces/0/dhcp: is a position in a list, which strategic merge does not have; write the entry itself, `machine: { network: { interfaces: [...] } }`: it is appended, or merged with the entry of its name",
    ],
    [
      { op: "add", path: "/machine/files/-", value: {} },
      "add /machine/files/-: is a position in a list, which strategic merge does not have; write the entry itself, `machine: { files: [...] }`: it is appended, or merged with the entry of its name",
    ],
    [
      { op: "add", path: "machine", value: 1 },
      "add machine: is not a JSON pointer; expected a path such as /machine/sysctls",
    ],
    [{ op: "add", path: "/machine/type" }, "add /machine/type: has no value"],
    [{ op: "put", path: "/a" }, "put /a: is no operation; expected one of: add, remove, replace, move, copy, test"],
    [
      { op: "add", path: "/machine/time", value: null },
      "add /machine/time: null is not merged; write `machine: { time: { $patch: delete } }`",
    ],
  ];
  for (const [operation, message] of refusals) {
    it(`refuses ${operation.op} ${operation.path}${operation.value === null ? " of null" : ""}`, () => {
      assert.deepEqual(toStrategicMerge([operation]).problems, [message]);
    });
  }

  it("refuses a path inside a value that an earlier operation sets", () => {
    const { problems } = toStrategicMerge([
      { op: "add", path: "/a", value: 1 },
      { op: "add", path: "/a/b", value: 1 },
    ]);
    assert.deepEqual(problems, ["add /a/b: is inside a value that an earlier operation sets"]);
  });

  it("distinguishes a JSON patch from other lists", () => {
    assert.equal(isJsonPatch([{ op: "add", path: "/a", value: 1 }]), true);
    assert.equal(isJsonPatch([{ interface: "eth0" }]), false);
    assert.equal(isJsonPatch({ op: "add" }), false);
  });
});

it("an operation without a path is refused for every contract", () => {
  const patch = [[{ op: "add", value: 1 }]] as never;
  for (const contract of ["1.9", "1.13"]) {
    const { problems } = convertPatch(patch, contract, "worker");
    assert.match(problems.join("\n"), /add: has no path; expected one such as \/machine\/sysctls$/);
  }
});
