import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { changeRows } from "../../scripts/count";
import { root } from "./support";

/** Most files of the program that a change needs. */
const limits: Readonly<Record<string, number>> = {
  "add a kind of cluster": 4,
  "support a Talos contract": 1,
  "add a field of an HTTP rule": 3,
  "add a kind of fault": 2,
  "add a benchmark metric": 2,
  "add an addon": 2,
  "add an application to deploy": 2,
  "add a field of a gateway": 2,
  "support an Istio minor version": 1,
  "add a command": 2,
};

/** Registries of descriptors, and the files of their folders that are none. */
const registries: readonly (readonly [registry: string, folder: string, others: readonly string[]])[] = [
  [
    "components/observability/addons/registry.ts",
    "components/observability/addons",
    ["addon.ts", "policies-dashboard.ts", "registry.ts"],
  ],
  ["components/apps/registry.ts", "components/apps", ["application.ts", "deployed-application.ts", "registry.ts"]],
  [
    "components/cluster/kinds/index.ts",
    "components/cluster/kinds",
    [
      "index.ts",
      "cluster-kind.ts",
      "cilium.ts",
      "cni.ts",
      "machine-checks.ts",
      "machine-documents.ts",
      "machine-fields.ts",
      "patches.ts",
      "shared-cluster.ts",
      "subnets.ts",
    ],
  ],
  ["components/cluster/index.ts", "components/cluster", ["cluster.ts", "index.ts"]],
];

describe("the table of CONTRIBUTING.md", () => {
  const rows = new Map(changeRows());

  for (const [change, limit] of Object.entries(limits)) {
    it(`needs at most ${limit} ${limit === 1 ? "file" : "files"} to ${change}`, () => {
      const files = rows.get(change);
      assert.ok(files, "there is no such row");
      assert.ok(files.length > 0 && files.length <= limit, files.join(", "));
    });
  }

  it("names files and folders that exist", () => {
    for (const [change, files] of rows) {
      for (const file of files) assert.ok(existsSync(path.join(root, file)), `${change}: ${file}`);
    }
  });

  for (const [registry, folder, others] of registries) {
    it(`is right that ${registry} has a line for each descriptor`, async () => {
      const { importsOf } = await import("../../scripts/eslint-layers.mjs");
      const imported = importsOf(root, registry).map(({ target }) => target);
      const files = readdirSync(path.join(root, folder)).filter((file) => file.endsWith(".ts"));
      const descriptors = files.filter((file) => !others.includes(file)).map((file) => `${folder}/${file}`);
      assert.deepEqual(
        [...others].filter((file) => !files.includes(file)),
        [],
      );
      assert.deepEqual(imported.filter((file) => descriptors.includes(file)).sort(), descriptors.sort());
    });
  }
});
