import assert from "node:assert/strict";
import path from "node:path";
import { runCommand } from "../../../cli/command";
import { command, differenceText, givenValues, meshOf, seenValues, withProfile } from "../../../cli/commands/profile";
import { readStack } from "../../../components/validation/stack";
import { parse } from "yaml";
import { chartFolder } from "../../mesh/values/chart-folder";
import { projectRoot } from "../../support/program";

/** What the command prints, and its exit code. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: [] as string[], err: [] as string[] };
  const { log, error } = console;
  console.log = (text: string) => printed.out.push(text);
  console.error = (text: string) => printed.err.push(text);
  try {
    const code = await runCommand(command, argv);
    return { code, out: printed.out.join("\n"), err: printed.err.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

describe("npm run profile", () => {
  it("lists the profiles that settings may name", async () => {
    const { code, out } = await run("list");
    assert.equal(code, 0);
    const names = out.split("\n").map((line) => line.split(" ")[0]);
    assert.deepEqual(names, ["default", "demo", "minimal", "ambient", "preview", "stable"]);
  });

  it("dumps, as YAML, what each chart is given, and says what it does not show", async () => {
    const { out } = await run("dump", "ambient");
    const { values } = parse(out) as { values: Record<string, { profile: string }> };
    assert.deepEqual(Object.keys(values), ["base", "istiod", "cni", "ztunnel"]);
    assert.equal(values["istiod"]?.profile, "ambient");
    assert.match(out, /^# Not shown: the values that the charts' templates see/m);
  });

  it("compares by the stand-in charts where Istio's are not at hand, and says so first", async () => {
    const { out } = await run("diff", "default", "demo");
    assert.match(out, /^Istio's charts are not available.*stand-in charts.*\n.*--charts, .*--pull/);
    assert.match(out, /^ {2}traceSampling +1 -> 100$/m);
    assert.match(out, /^ {2}resources\.requests\.cpu +"500m" -> "10m"$/m);
  });

  it("takes the other settings of a stack", async () => {
    const { out } = await run("dump", "stable", "--stack", "dev");
    const { values } = parse(out) as { values: { istiod: { meshConfig: { outboundTrafficPolicy: object } } } };
    assert.deepEqual(values.istiod.meshConfig.outboundTrafficPolicy, { mode: "REGISTRY_ONLY" });
  });

  it("refuses what it cannot understand, and says what it can", async () => {
    const refused: [argv: string[], message: RegExp][] = [
      [[], /expected one of: list, dump, diff/],
      [["show"], /unknown command 'show'; expected one of: list, dump, diff/],
      [["dump"], /missing required argument 'profile'/],
      [["diff", "demo"], /missing required argument 'to'/],
      [["dump", "ambeint"], /profile "ambeint": expected one of: .*ambient/],
      [["dump", "demo", "--charts", "x", "--pull"], /exclude each other/],
      [["dump", "demo", "--chart", "x"], /--chart/],
    ];
    for (const [argv, message] of refused) {
      const { code, err } = await run(...argv);
      assert.equal(code, 2, argv.join(" "));
      assert.match(err, message);
    }
  });

  describe("with Istio's charts", () => {
    const chart = (replicaCount: number) => ({
      values: { replicaCount, tolerations: [], global: { hub: "docker.io/istio" } },
      profiles: { demo: { replicaCount: 3 }, ambient: {} },
    });
    const [folder, remove] = chartFolder({ base: chart(1), istiod: chart(1), cni: chart(1), ztunnel: chart(1) });
    after(remove);

    it("shows what their templates see, too", async () => {
      const { out } = await run("dump", "demo", "--charts", folder);
      const { effective } = parse(out) as { effective: { istiod: object } };
      assert.equal((effective.istiod as { replicaCount: number }).replicaCount, 3);
      assert.doesNotMatch(out, /Not shown/);
    });

    it("compares that, by chart", async () => {
      const { out } = await run("diff", "default", "demo", "--charts", folder);
      assert.match(out, /^default -> demo: values that the charts' templates see\nbase\n/);
      assert.match(out, /^ {2}replicaCount {2}1 -> 3$/m);
    });

    it("refuses a folder without them", async () => {
      await assert.rejects(
        run("dump", "demo", "--charts", path.join(projectRoot, "embedded/charts")),
        /Istio's own charts/,
      );
      assert.equal(seenValues(givenValues(meshOf(undefined)), path.join(folder, "none")), undefined);
    });
  });
});

describe("the difference of two profiles", () => {
  it("names single values by their path, lists as a whole, and charts that only one side has", () => {
    const before = new Map([
      ["base" as const, { a: 1 }],
      ["cni" as const, {}],
    ]);
    const after = new Map([
      ["base" as const, { a: 1, b: { c: [1, 2], "d.e": "x" } }],
      ["ztunnel" as const, {}],
    ]);
    assert.equal(
      differenceText(before, after, ["one", "two"]),
      [
        "base",
        "  b.c      (unset) -> [1,2]",
        '  b."d.e"  (unset) -> "x"',
        "cni: only under one",
        "ztunnel: only under two",
      ].join("\n"),
    );
    assert.equal(differenceText(before, before, ["one", "one"]), "base: no difference\ncni: no difference");
  });

  it("brings the ambient data plane along with profile ambient, and leaves a stack's own otherwise", () => {
    const dev = meshOf(readStack(projectRoot, path.join(projectRoot, "Pulumi.dev.yaml")).settings);
    assert.equal(withProfile(dev, "ambient").mesh.dataPlane, "ambient");
    assert.equal(withProfile(dev, "demo").mesh.dataPlane, "sidecar");
    const mixed = { ...dev, mesh: { ...dev.mesh, namespaces: { shop: { dataPlane: "ambient" as const } } } };
    assert.equal(withProfile(mixed, "ambient").mesh.dataPlane, "sidecar");
  });
});
