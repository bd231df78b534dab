import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import { importTalconfig } from "../../../cli/talhelper/import-talconfig";
import { nodePlan } from "../../../components/cluster/talos/config/node-plan";
import { projectFiles, readPatches } from "../../../components/cluster/talos/config/user-patches";
import { digestOf } from "../../../components/shared/digest";
import { type NodePlan, root, talosSettings } from "../../cluster/talos/config/plans";

/** Clusters with a talconfig, and what talhelper and talosctl make of it; see the README there. */
export const clusters = path.join(root, "tests/fixtures/talhelper/clusters");

export const clusterNames = readdirSync(clusters).sort();

export const clusterFile = (name: string, ...rest: readonly string[]) => path.join(clusters, name, ...rest);

/** What the import makes of a cluster, and the plan for the machine config of each node. */
export function importCluster(name: string) {
  const imported = importTalconfig({
    file: clusterFile(name, "talconfig.yaml"),
    projectRoot: root,
    environment: {},
    readFile: (file) => readFileSync(file, "utf8"),
    withSecrets: false,
  });
  const { stackFile, notes, problem } = imported;
  assert.ok(stackFile !== undefined, `nothing was imported: ${notes.missing.join("; ")}`);
  assert.equal(problem, undefined);
  const { config } = parse(stackFile) as { config: Record<string, Record<string, unknown>> };
  const settings = talosSettings(config["talos-mesh:cluster"] ?? {});
  const patches = readPatches(settings, projectFiles(root));
  const plans = settings.nodes.map((_, index) => nodePlan(settings, index, patches));
  return { stackFile, notes, settings, plans };
}

export function planText(plan: NodePlan): string {
  return stringify(plan, { lineWidth: 0 });
}

/** What the report says, one line each. */
export function reportText({ notes }: ReturnType<typeof importCluster>): string {
  return [...notes.lost.map((line) => `lost: ${line}`), ...notes.remarks, ""].join("\n");
}

/** Files of a cluster that talhelper reads. */
export function inputsOf(name: string): string[] {
  const made = /^(plans|talhelper|talosctl)\/|^report\.txt$|^stack\.yaml$/;
  return readdirSync(clusterFile(name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(clusterFile(name), path.join(entry.parentPath, entry.name)))
    .filter((file) => !made.test(file))
    .sort();
}

/** The first line of a machine config: what it was made of, so that one that is out of date is noticed. */
export const madeOf = {
  talhelper: (name: string) => {
    const inputs = inputsOf(name).map((file) => `${file}\n${readFileSync(clusterFile(name, file), "utf8")}`);
    return `# Made by talhelper of files with the digest ${digestOf(inputs.join("\n"))}.\n`;
  },
  talosctl: (plan: NodePlan) => `# Made by talosctl of the plan with the digest ${digestOf(planText(plan))}.\n`,
};
