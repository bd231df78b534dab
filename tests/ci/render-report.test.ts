import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import path from "node:path";
import { compare, main, marker, readRenderedStacks, type Rendered, renderReport } from "../../scripts/ci/render-diff";
import { removeTemporaryFolders, temporaryFolder } from "./support";

const rendered = (items: Record<string, string>): Rendered => new Map(Object.entries(items));
const noDiff = () => "";

describe("what a pull request changes in the rendered stacks", () => {
  afterEach(removeTemporaryFolders);

  it("names what is added, removed and changed, in order", () => {
    const before = rendered({ b: "1", gone: "1", same: "1", a: "1" });
    const after = rendered({ b: "2", same: "1", a: "2", new: "1" });
    assert.deepEqual(compare(before, after), { added: ["new"], removed: ["gone"], changed: ["a", "b"] });
  });

  it("shows the unified diff of a changed object and the whole text of a new one", () => {
    const base = temporaryFolder({ "dev/route.yaml": "kind: VirtualService\nweight: 10\n", "dev/same.yaml": "a: 1\n" });
    const head = temporaryFolder({
      "dev/route.yaml": "kind: VirtualService\nweight: 20\n",
      "dev/same.yaml": "a: 1\n",
      "dev/new.yaml": "kind: Gateway\n",
    });
    const report = main([base, head]);
    assert.match(report, /\| `dev` \| 1 \| 0 \| 1 \|/);
    assert.match(report, /- added `new\.yaml`/);
    assert.match(report, /- changed `route\.yaml`/);
    assert.match(report, /\n kind: VirtualService\n-weight: 10\n\+weight: 20\n/);
    assert.match(report, /\n\+kind: Gateway\n/);
    assert.doesNotMatch(report, /same\.yaml/);
  });

  it("is only the table where nothing changes", () => {
    const folder = temporaryFolder({ "dev/a.yaml": "a: 1\n", "staging/a.yaml": "a: 1\n" });
    const report = main([folder, folder]);
    assert.match(report, /\| `dev` \| 0 \| 0 \| 0 \|\n\| `staging` \| 0 \| 0 \| 0 \|$/);
  });

  it("tells the entries of releases.json apart", () => {
    const releases = (version: string) =>
      JSON.stringify([
        { resource: "istio-base", version: "1.31.1" },
        { resource: "istio-istiod", version },
      ]);
    const base = temporaryFolder({ "dev/releases.json": releases("1.31.1") });
    const head = temporaryFolder({ "dev/releases.json": releases("1.31.2") });
    const report = main([base, head]);
    assert.match(report, /- changed `releases\/istio-istiod`/);
    assert.match(report, /-version: 1\.31\.1\n\+version: 1\.31\.2/);
    assert.doesNotMatch(report, /istio-base/);
  });

  it("marks a stack that is new, and one that is removed", () => {
    const report = main([temporaryFolder({ "old/a.yaml": "a: 1\n" }), temporaryFolder({ "young/a.yaml": "a: 1\n" })]);
    assert.match(report, /\| `old` \(stack removed\) \| 0 \| 1 \| 0 \|/);
    assert.match(report, /\| `young` \(new stack\) \| 1 \| 0 \| 0 \|/);
  });

  it("shows the message of a stack that cannot be rendered", () => {
    const base = temporaryFolder({ "dev/a.yaml": "a: 1\n" });
    const head = temporaryFolder({
      "dev.failed": "1 problem in Pulumi.dev.yaml:\n  talos-mesh:mesh: missing\n",
    });
    const report = main([base, head]);
    assert.match(report, /\| `dev` \| cannot be rendered \|\|\|/);
    assert.match(report, /talos-mesh:mesh: missing/);
  });

  it("says that there is nothing to compare with where only the target branch fails", () => {
    const report = main([
      temporaryFolder({ "dev.failed": "no such command\n" }),
      temporaryFolder({ "dev/a.yaml": "a: 1\n" }),
    ]);
    assert.match(report, /\| `dev` \| no comparison \|\|\|/);
  });

  it("begins with the marker by which the comment is found again", () => {
    assert.ok(renderReport(new Map(), new Map(), noDiff).startsWith(marker));
  });
});

describe("a rendered folder from a fork", () => {
  afterEach(removeTemporaryFolders);

  it("cannot end the fence around its diff", () => {
    const report = main([
      temporaryFolder({ "dev/a.yaml": "a\n" }),
      temporaryFolder({ "dev/a.yaml": "```\n@everybody\n" }),
    ]);
    const [, inside] = /\n````diff\n([\s\S]*)\n````\n/.exec(report) ?? [];
    assert.match(inside ?? "", /\+```\n\+@everybody/);
  });

  it("cannot put Markdown into a name", () => {
    const head = new Map([["`<b>`", rendered({ "`[x](http://example.com)": "a" })]]);
    const report = renderReport(new Map(), head, noDiff);
    assert.match(report, /\| `\?\?b\?\?` \(new stack\)/);
    const withDiff = renderReport(new Map(), head, () => "+a");
    assert.match(withDiff, /- added `\?\?x\?\(http:\/\/example\.com\)`\n/);
  });

  it("cannot show a file of the machine by a symbolic link", () => {
    const folder = temporaryFolder({ "dev/a.yaml": "a: 1\n" });
    symlinkSync("/etc/passwd", path.join(folder, "dev/passwd.yaml"));
    symlinkSync("/etc", path.join(folder, "dev/etc"));
    assert.deepEqual([...(readRenderedStacks(folder).get("dev") as Rendered).keys()], ["a.yaml"]);
  });

  it("is shown as it is where its JSON is none", () => {
    const folder = temporaryFolder({ "dev/releases.json": "{", "dev/commands.json": "[]" });
    assert.deepEqual(readRenderedStacks(folder).get("dev"), rendered({ "releases.json": "{", "commands.json": "[]" }));
  });
});

describe("the length of the comment", () => {
  const big = (lines: number) => Array.from({ length: lines }, (_, line) => `+line ${line}`).join("\n");

  it("stays below GitHub's limit, and the text says how much is left out", () => {
    const stacks = ["dev", "production", "staging"];
    const base = new Map(stacks.map((stack) => [stack, rendered({ a: "1" })]));
    const head = new Map(stacks.map((stack) => [stack, rendered({ a: "2" })]));
    const report = renderReport(base, head, () => big(20_000));
    assert.ok(report.length <= 65_536, String(report.length));
    assert.ok(report.length > 60_000, "the room there is should be used");
    assert.equal([...report.matchAll(/\n\.\.\. \d+ more lines, left out here\n/g)].length, 3);
  });

  it("gives what one stack does not need to the others", () => {
    const base = new Map(["a", "b"].map((stack) => [stack, rendered({ x: "1" })]));
    const head = new Map([
      ["a", rendered({ x: "2" })],
      ["b", rendered({ x: "3" })],
    ]);
    const report = renderReport(base, head, (_, after) => big(after.get("x") === "2" ? 1 : 20_000));
    assert.ok(report.length > 60_000);
  });

  it("lists a thousand changed objects as forty and a number", () => {
    const many = rendered(
      Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`object-${index}.yaml`, "a"])),
    );
    const report = renderReport(new Map([["dev", rendered({})]]), new Map([["dev", many]]), () => "+a");
    assert.match(report, /\| `dev` \| 1000 \| 0 \| 0 \|/);
    assert.equal([...report.matchAll(/^- added/gm)].length, 40);
    assert.match(report, /\n- and 960 more\n/);
  });
});
