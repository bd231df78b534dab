import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { edited } from "../../cli/stack-edit";
import { projectRoot } from "../support/program";

describe("the edit of a stack file", () => {
  const mesh = (value: string) => ({ path: ["talos-mesh:mesh", "version"], value }) as const;
  const kubernetes = (value: string) => ({ path: ["talos-mesh:cluster", "kubernetesVersion"], value }) as const;

  for (const file of readdirSync(projectRoot).filter((name) => /^Pulumi\..+\.yaml$/.test(name))) {
    it(`changes one line of ${file}, and no other byte`, () => {
      const text = readFileSync(path.join(projectRoot, file), "utf8");
      const result = edited(text, mesh("1.99.0"));
      const [before, after] = [text, result.text].map((each) => each.split("\n"));
      const changed = after?.flatMap((line, index) => (line === before?.[index] ? [] : [index + 1])) ?? [];
      assert.deepEqual(changed, [result.line]);
      assert.match(after?.[result.line - 1] ?? "", /[ {]version: 1\.99\.0($|[ ,}])/);
      assert.equal(after?.length, before?.length);
    });
  }

  const kept: readonly (readonly [name: string, before: string, after: string])[] = [
    ["a comment behind it", "config:\n  talos-mesh:mesh:\n    version: 1.30.1 # why\n", "version: 1.31.1 # why"],
    [
      "double quotes",
      'config:\n  talos-mesh:mesh: { version:   "1.30.1" , mtls: STRICT}\n',
      'version:   "1.31.1" , mtls',
    ],
    ["single quotes", "config:\n  talos-mesh:mesh:\n\n\n    version: '1.30.1'\n\n", "\n\n\n    version: '1.31.1'\n\n"],
    ["Windows' line ends", "config:\r\n  talos-mesh:mesh:\r\n    version: 1.30.1\r\n", "version: 1.31.1\r\n"],
    ["a key without the namespace", "config:\n  mesh: {version: 1.30.1}\n", "mesh: {version: 1.31.1}"],
    ["its own anchor", "config:\n  talos-mesh:mesh: { version: &v 1.30.1 }\n", "version: &v 1.31.1"],
    ["no line break at the end", "config: { talos-mesh:mesh: { version: 1.30.1 } }", "{ version: 1.31.1 } }"],
  ];
  for (const [name, before, after] of kept) {
    it(`keeps ${name}`, () => {
      const { text } = edited(before, mesh("1.31.1"));
      assert.ok(text.includes(after), text);
      assert.equal(text, before.replace("1.30.1", "1.31.1"));
    });
  }

  it("refuses an alias of a value outside of the settings", () => {
    const text = "x: &v 1.30.1\nconfig:\n  talos-mesh:mesh: { version: *v }\n";
    assert.throws(() => edited(text, mesh("1.31.1")), /shared with other settings by an anchor/);
  });

  it("follows a merge key", () => {
    const text = "config:\n  talos-mesh:mesh:\n    <<: { version: 1.30.1 }\n    mtls: STRICT\n";
    assert.equal(edited(text, mesh("1.31.1")).text, text.replace("1.30.1", "1.31.1"));
  });

  it("refuses a value that other settings share", () => {
    const shared = "config:\n  talos-mesh:mesh: { version: &v 1.30.1, canary: { version: *v } }\n";
    assert.throws(() => edited(shared, mesh("1.31.1")), /line 2: .*write it out where it is used/);
    const merged =
      "config:\n  talos-mesh:a: &a\n    version: 1.30.1\n  talos-mesh:mesh:\n    <<: *a\n    mtls: STRICT\n";
    assert.throws(() => edited(merged, mesh("1.31.1")), /line 3: .*shared with other settings/);
  });

  const added: readonly (readonly [name: string, before: string, after: string])[] = [
    [
      "to a block",
      "config:\n  talos-mesh:cluster:\n    # one machine\n    kind: embedded # no traffic\n    # its name\n    name: a\n",
      "    kind: embedded # no traffic\n    kubernetesVersion: v1.35.1\n    # its name\n",
    ],
    [
      "to a flow mapping",
      "config:\n  talos-mesh:cluster: { kind: embedded, name: a }\n",
      "{ kind: embedded, kubernetesVersion: v1.35.1, name: a }",
    ],
    ["to the last line", "config:\n  cluster:\n    kind: embedded", "kind: embedded\n    kubernetesVersion: v1.35.1"],
  ];
  for (const [name, before, after] of added) {
    it(`adds a missing key ${name}`, () => {
      const { text } = edited(before, kubernetes("v1.35.1"));
      assert.ok(text.includes(after), text);
      const lines = (each: string) => each.split(/[\n,]/).map((line) => line.trim());
      for (const line of lines(before)) assert.ok(lines(text).includes(line), line);
      assert.match(JSON.stringify(parse(text)), /"kubernetesVersion":"v1.35.1"/);
    });
  }

  it("refuses what is not a mapping", () => {
    for (const text of ['config: { talos-mesh:mesh: \'{"version": "1.30.1"}\' }\n', "config:\n", "a: 1\n"]) {
      assert.throws(() => edited(text, mesh("1.31.1")), /set it to 1\.31\.1 by hand/);
    }
  });
});
