import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readStackConfig } from "../../components/settings/stack-file";
import { projectRoot } from "../support/program";
import { writeStackFile } from "../embedded/program/stack-files";

const bare = mkdtempSync(path.join(tmpdir(), "talos-mesh-project-"));
writeFileSync(path.join(bare, "Pulumi.yaml"), "name: talos-mesh\nruntime: nodejs\n");
after(() => rmSync(bare, { recursive: true }));

/** In a project that declares no defaults. */
const read = (content: unknown, root = bare): ReturnType<typeof readStackConfig> =>
  readStackConfig(root, writeStackFile(content), (name, ciphertext) => `<${name} of ${ciphertext}>`);

describe("a stack file", () => {
  it("gives texts as they are and everything else as the Pulumi CLI's JSON", () => {
    const { values, secretKeys } = read({
      config: { "talos-mesh:a": "text", "talos-mesh:b": { c: [1, true] }, "talos-mesh:d": 1.5, "talos-mesh:e": false },
    });
    assert.deepEqual(values, {
      "talos-mesh:a": "text",
      "talos-mesh:b": '{"c":[1,true]}',
      "talos-mesh:d": "1.5",
      "talos-mesh:e": "false",
    });
    assert.deepEqual(secretKeys, []);
  });

  it("puts a key without a namespace into the project's, and leaves other namespaces alone", () => {
    const { values } = read({ config: { environment: "dev", "kubernetes:context": "here" } });
    assert.deepEqual(values, { "talos-mesh:environment": "dev", "kubernetes:context": "here" });
  });

  it("fills in secrets at any depth, and marks their keys", () => {
    const { values, secretKeys } = read({
      config: {
        "talos-mesh:secrets": { a: { secure: "v1:x" }, list: [{ secure: "v1:y" }] },
        "talos-mesh:t": { secure: "z" },
      },
    });
    assert.deepEqual(JSON.parse(values["talos-mesh:secrets"] ?? ""), {
      a: "<talos-mesh:secrets.a of v1:x>",
      list: ["<talos-mesh:secrets.list[0] of v1:y>"],
    });
    assert.equal(values["talos-mesh:t"], "<talos-mesh:t of z>");
    assert.deepEqual(secretKeys, ["talos-mesh:secrets", "talos-mesh:t"]);
  });

  it("does not read a key named secure next to others as a secret", () => {
    const { values, secretKeys } = read({ config: { a: { secure: "yes", other: 1 } } });
    assert.equal(values["talos-mesh:a"], '{"secure":"yes","other":1}');
    assert.deepEqual(secretKeys, []);
  });

  it("takes what it leaves out from Pulumi.yaml", () => {
    const root = mkdtempSync(path.join(tmpdir(), "talos-mesh-project-"));
    try {
      writeFileSync(
        path.join(root, "Pulumi.yaml"),
        "name: other\nruntime: nodejs\nconfig:\n  other:a: { default: from-project }\n  b: { description: only words }\n  c: 3\n",
      );
      assert.deepEqual(read({ config: {} }, root).values, { "other:a": "from-project", "other:c": "3" });
      assert.deepEqual(read({ config: { a: "own" } }, root).values, { "other:a": "own", "other:c": "3" });
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it("that is not YAML is refused with file and line", () => {
    const file = writeStackFile("config:\n  a: [1, 2\n  b: {\n");
    assert.throws(
      () => readStackConfig(projectRoot, file, String),
      (error: Error) => {
        assert.equal(error.name, "StackFileError");
        const [heading, ...lines] = error.message.split("\n");
        assert.equal(heading, `1 problem in ${file}:`);
        assert.deepEqual(
          lines.map((line) => line.split(": ").slice(0, 2).join(": ")),
          [`  ${file}:3:3: not valid YAML`],
        );
        return true;
      },
    );
  });

  it("that says a key twice is refused with the second one's line", () => {
    const file = writeStackFile("config:\n  a: 1\n  a: 2\n");
    assert.throws(() => readStackConfig(projectRoot, file, String), {
      message: `1 problem in ${file}:\n  ${file}:3:3: key a appears twice`,
    });
  });

  it("with a wrong indentation gets one message, at the line", () => {
    const file = writeStackFile("config:\n  talos-mesh:mesh:\n    version: 1.31.1\n   profile: demo\n    tags: {}\n");
    assert.throws(() => readStackConfig(projectRoot, file, String), {
      message: `1 problem in ${file}:\n  ${file}:4:1: not valid YAML: All mapping items must start at the same column; check the indentation here`,
    });
  });

  it("names a key that appears twice, also one with a colon or in quotes", () => {
    for (const key of ["talos-mesh:mesh", '"talos-mesh:mesh"']) {
      const file = writeStackFile(`config:\n  ${key}: { version: 1.31.1 }\n  ${key} :\n    profile: demo\n`);
      assert.throws(() => readStackConfig(projectRoot, file, String), {
        message: `1 problem in ${file}:\n  ${file}:3:3: key ${key} appears twice`,
      });
    }
  });

  const octal =
    "a number that begins with 0 is octal for some readers of YAML and decimal for others; " +
    "write 0o644 for an octal number, or put it in quotes";
  const refused: readonly (readonly [what: string, value: string, at: string, message: string])[] = [
    ["an alias without an anchor", "*x", "2:6", "*x is used before it is defined by &x"],
    ["an alias inside its own anchor", "&x [*x]", "2:10", "*x is inside the value that &x names"],
    [
      "a merge of what is no mapping",
      "{ <<: 5 }",
      "2:8",
      "<<: expected an alias of a mapping, or a list of such aliases",
    ],
    ["200 levels", `${"[".repeat(200)}${"]".repeat(200)}`, "2:104", "nested too deeply; at most 100 levels are read"],
    [
      "10,000 levels",
      `${"[".repeat(10_000)}${"]".repeat(10_000)}`,
      "",
      "nested too deeply; at most 100 levels are read",
    ],
    ["an unknown tag", "!x 1", "2:6", "not valid YAML: the tag !x is not known"],
    ["text where no text can be", '"a" hunter2', "2:10", "not valid YAML: Unexpected scalar at node end"],
    ["a set", "!!set { x }", "2:12", "a value of !!set has no form in JSON"],
    ["an infinite number", ".inf", "2:6", "infinity and NaN have no form in JSON"],
    ["a mapping as a key", "{ ? { b: 1 } : 2 }", "2:10", "a key is a string, not a mapping or a list"],
    [
      "more digits than a number has",
      "123456789012345678",
      "2:6",
      "a number of so many digits cannot be kept exactly; put it in quotes",
    ],
    ["an octal number", "{ mode: 0644 }", "2:14", octal],
    ["a leading zero", "08", "2:6", octal],
  ];
  for (const [what, value, at, message] of refused) {
    it(`with ${what} is refused at its place`, () => {
      const file = writeStackFile(`config:\n  a: ${value}\n`);
      assert.throws(
        () => readStackConfig(projectRoot, file, String),
        (error: Error) => {
          const place = at === "" ? /:2:\d+: / : new RegExp(`:${at}: `);
          assert.match(error.message, place);
          assert.ok(error.message.endsWith(message), error.message);
          return error.name === "StackFileError";
        },
      );
    });
  }

  it("whose aliases multiply is refused", () => {
    const nine = (alias: string) => `[${Array(9).fill(alias).join(", ")}]`;
    const names = ["a", "b", "c", "d", "e"];
    const anchors = names.map(
      (name, index) => `${name}: &${name} ${nine(index === 0 ? "x" : `*${names[index - 1]}`)}\n`,
    );
    const file = writeStackFile(`${anchors.join("")}config: { a: *e }\n`);
    assert.throws(() => readStackConfig(projectRoot, file, String), /its aliases repeat so much that it is refused/);
  });

  it("takes aliases, merged mappings and octal numbers of YAML 1.2", () => {
    const { values } = read("x: &x { a: 1 }\nconfig: { a: { <<: *x, b: *x }, b: { mode: 0o644 }, c: { <<: [*x] } }\n");
    assert.deepEqual(values, {
      "talos-mesh:a": '{"a":1,"b":{"a":1}}',
      "talos-mesh:b": '{"mode":420}',
      "talos-mesh:c": '{"a":1}',
    });
  });

  it("that gives a setting by its short and its full key is refused", () => {
    const file = writeStackFile("config:\n  mesh: { version: 1.31.1 }\n  talos-mesh:mesh: { version: 1.30.0 }\n");
    assert.throws(
      () => readStackConfig(projectRoot, file, String),
      /:3: talos-mesh:mesh and mesh are one setting, given twice; remove one of them$/,
    );
  });

  it("that is a folder, or has a name that is too long, is refused by name", () => {
    assert.throws(() => readStackConfig(bare, bare, String), /is a folder; name a stack file by --config FILE\.$/);
    const long = path.join(bare, "x".repeat(300));
    assert.throws(() => readStackConfig(bare, long, String), /cannot be read \(ENAMETOOLONG\); name a stack file/);
  });

  it("of several documents is refused", () => {
    const file = writeStackFile("config: {}\n---\nconfig: {}\n");
    assert.throws(
      () => readStackConfig(projectRoot, file, String),
      /:2: a stack file is one document; remove the line ---/,
    );
  });

  it("without config is refused at a key that Pulumi does not know", () => {
    const typo = writeStackFile("encryptionsalt: v1:x\nconfg:\n  environment: dev\n");
    const message = "the key config is missing; all settings are under it";
    assert.throws(() => readStackConfig(projectRoot, typo, String), {
      message: `1 problem in ${typo}:\n  ${typo}:2: ${message} (did you mean config for confg?)`,
    });
    const top = writeStackFile("talos-mesh:mesh: { version: 1.31.1 }\n");
    assert.throws(() => readStackConfig(projectRoot, top, String), {
      message: `1 problem in ${top}:\n  ${top}:1: ${message}`,
    });
    assert.deepEqual(read("encryptionsalt: v1:x\n").values, {});
  });

  it("that is not there, or no map, is refused by name", () => {
    const missing = path.join(tmpdir(), "no-such-folder", "Pulumi.x.yaml");
    assert.throws(
      () => readStackConfig(projectRoot, missing, String),
      (error: Error) => {
        assert.ok(
          error.message.startsWith(`${missing} does not exist. The stacks of this project are: article, dev, `),
        );
        return error.name === "StackFileError";
      },
    );
    const list = writeStackFile("- a\n");
    assert.throws(() => readStackConfig(projectRoot, list, String), {
      message: `1 problem in ${list}:\n  ${list}:1: expected a mapping with the key config`,
    });
    const odd = writeStackFile("config: [a]\n");
    assert.throws(() => readStackConfig(projectRoot, odd, String), {
      message: `1 problem in ${odd}:\n  ${odd}:1: config: expected a mapping of key: value`,
    });
  });

  it("knows the place of every value, and of the part around one that is absent", () => {
    const file = writeStackFile(
      "config:\n  environment: dev\n  talos-mesh:mesh:\n    tags: { a: b }\n    list:\n      - 1\n      - two: 2\n",
    );
    const { placeOf } = readStackConfig(bare, file, String);
    const lineOf = (section: string, ...keys: (string | number)[]) => placeOf(`talos-mesh:${section}`, keys)?.line;
    assert.equal(lineOf("environment"), 2);
    assert.equal(lineOf("mesh", "tags", "a"), 4);
    assert.equal(lineOf("mesh", "list", 1, "two"), 7);
    assert.equal(lineOf("mesh", "list", 5), 5);
    assert.equal(lineOf("mesh", "version"), 3);
    assert.equal(lineOf("cluster"), 1);
  });
});
