import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { installerOf } from "../../../../components/cluster/talos/config/installer";
import { nodeSettings } from "../../../../components/cluster/talos/config/node-settings";
import { patchesOfNode, patchWarnings, readPatches } from "../../../../components/cluster/talos/config/user-patches";
import type { TalosClusterSettings } from "../../../../components/cluster/kinds";
import { formatPath } from "../../../../components/shared/problem";
import { articleCluster, noFiles, planOf, type Release, stackCluster, type NodePlan } from "./plans";

const folder = path.join(__dirname, "golden");
const update = process.env.UPDATE_GOLDEN === "1";

/** The article's patches, word for word; Pulumi.article.yaml has settings instead of some of them. */
const asWritten = {
  discovery: true,
  patches: [readFileSync(path.join(__dirname, "article-patch.yaml"), "utf8")],
};

const everything = "tests/fixtures/good/talos-everything.yaml";

/** All were accepted by `talosctl gen config` and `talosctl validate` of v1.14.0-rc.1. */
const clusters: Record<string, TalosClusterSettings> = {};
for (const release of ["v1.7", "v1.12", "v1.14"] satisfies Release[]) {
  clusters[`article-${release}`] = articleCluster(release);
  clusters[`article-as-written-${release}`] = articleCluster(release, asWritten);
}
for (const contract of ["v1.11", "v1.12", "v1.13", "v1.14"]) {
  clusters[`everything-${contract}`] = stackCluster(everything, { contract });
}

const files = new Map([
  ["patches/common.yaml", "machine:\n  sysctls:\n    net.core.somaxconn: '65535'\n"],
  ["patches/worker.yaml", "[{op: add, path: /machine/env, value: {A: b}}]"],
]);

function text(settings: TalosClusterSettings, index: number, plan: NodePlan): string {
  const { hostname, genConfigArgs, patchFlag, patches } = plan;
  const node = nodeSettings(settings, index);
  const { image, schematic } = installerOf(settings, node);
  const contents = readPatches(settings, (file) => files.get(file) ?? noFiles(file));
  const origins = new Set(patchesOfNode(settings, index).map(({ path: at }) => formatPath(at)));
  const warnings = patchWarnings(new Map([...contents].filter(([origin]) => origins.has(origin))));
  return [
    `# ${hostname}`,
    `talosctl ${genConfigArgs.join(" \\\n  ")} \\\n  ${patchFlag} (each of the following)`,
    ...patches.map(({ origin, content }) => `--- # ${origin}\n${content.trimEnd()}`),
    "---",
    `installer: ${image}`,
    `schematic: ${schematic?.id ?? "none"}`,
    `validate: ${node.mode}`,
    ...warnings.map((warning) => `warning: ${warning}`),
    "",
  ].join("\n");
}

describe("golden plans of Talos nodes", () => {
  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites the files that CI compares with: unset it in CI");
  });

  for (const [name, settings] of Object.entries(clusters)) {
    it(`plans ${name} as in its file`, () => {
      const plans = planOf(settings, Object.fromEntries(files))
        .map((plan, index) => text(settings, index, plan))
        .join("\n");
      const file = path.join(folder, `${name}.txt`);
      if (update) writeFileSync(file, plans);
      assert.equal(
        plans,
        readFileSync(file, "utf8"),
        "after an intended change: UPDATE_GOLDEN=1, and review the difference",
      );
    });
  }

  it("has a cluster for every file", () => {
    const expected = Object.keys(clusters).map((name) => `${name}.txt`);
    assert.deepEqual(readdirSync(folder).sort(), expected.sort());
  });
});
