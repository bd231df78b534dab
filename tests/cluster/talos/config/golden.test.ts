import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { NodePlan } from "../../../../components/cluster/talos/config/types";
import type { TalosClusterSettings } from "../../../../components/settings/sections/cluster";
import { articleCluster, planOf, type Release, stackCluster } from "./plans";

const folder = path.join(__dirname, "golden");
const update = process.env.UPDATE_GOLDEN === "1";

/** The article's patches, word for word, where Pulumi.article.yaml says some of it with settings. */
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

function text({ hostname, genConfigArgs, patchFlag, patches, ...rest }: NodePlan): string {
  const { installerImage, schematicId, validateMode, warnings } = rest;
  return [
    `# ${hostname}`,
    `talosctl ${genConfigArgs.join(" \\\n  ")} \\\n  ${patchFlag} (each of the following)`,
    ...patches.map(({ origin, content }) => `--- # ${origin}\n${content.trimEnd()}`),
    "---",
    `installer: ${installerImage}`,
    `schematic: ${schematicId ?? "none"}`,
    `validate: ${validateMode}`,
    ...warnings.map((warning) => `warning: ${warning}`),
    "",
  ].join("\n");
}

describe("golden plans of Talos nodes", () => {
  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites what CI is to compare with: unset it in CI");
  });

  for (const [name, settings] of Object.entries(clusters)) {
    it(`plans ${name} as agreed`, () => {
      const files = {
        "patches/common.yaml": "machine:\n  sysctls:\n    net.core.somaxconn: '65535'\n",
        "patches/worker.yaml": "[{op: add, path: /machine/env, value: {A: b}}]",
      };
      const plans = planOf(settings, files).nodes.map(text).join("\n");
      const file = path.join(folder, `${name}.txt`);
      if (update) writeFileSync(file, plans);
      assert.equal(
        plans,
        readFileSync(file, "utf8"),
        "after a wanted change: UPDATE_GOLDEN=1, and review the difference",
      );
    });
  }

  it("has a cluster for every file", () => {
    const expected = Object.keys(clusters).map((name) => `${name}.txt`);
    assert.deepEqual(readdirSync(folder).sort(), expected.sort());
  });
});
