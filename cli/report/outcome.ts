import type { ClusterStatus } from "../../embedded/cluster/status";
import type { Change, StackStatus } from "../engine/engine";
import { commandFor } from "../stack-option";
import { type LayerSummary, type Progress, total } from "./progress";
import { count, elapsed, table, type Terminal } from "./terminal";

export function reportDeployed(
  terminal: Terminal,
  { summary, silent }: Progress,
  outputs: Readonly<Record<string, unknown>>,
  startedAt: number,
): void {
  terminal.lines("", ...layerTable(summary.all(), !silent));
  reportOutputs(terminal, outputs);
  const took = elapsed(Date.now() - startedAt);
  terminal.lines("", terminal.paint("bold", summary.changed ? `Deployed in ${took}.` : `Nothing changed (${took}).`));
}

/** Prints outputs and notes, without secrets. */
function reportOutputs(terminal: Terminal, outputs: Readonly<Record<string, unknown>>): void {
  const { notes, ...others } = outputs;
  const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const lines = Object.entries(others)
    .filter(([, value]) => value !== "[secret]" && value !== undefined)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map(
        (each, index) => `  ${(index === 0 ? name : "").padEnd(18)} ${textOf(each)}`,
      ),
    );
  if (lines.length > 0) terminal.lines("", "Outputs", ...lines);
  if (!Array.isArray(notes) || notes.length === 0) return;
  terminal.lines("", "Notes", ...notes.map((note) => `  - ${textOf(note)}`));
}

export function reportDestroyed(terminal: Terminal, { summary, silent }: Progress, startedAt: number): void {
  const layers = summary.all();
  terminal.line();
  if (layers.length > 0) terminal.lines(...layerTable(layers, !silent, ["deleted"]), "");
  const deleted = layers.reduce((sum, { counts }) => sum + counts.deleted, 0);
  const took = elapsed(Date.now() - startedAt);
  terminal.line(terminal.paint("bold", `Destroyed ${count(deleted, "object")} in ${took}; nothing is left.`));
}

/** The table of layers. Replaced, deleted and failed objects have a column where there are any. */
export function layerTable(
  layers: readonly LayerSummary[],
  times = true,
  columns: readonly (Change | "failed")[] = ["created", "updated", "unchanged"],
): string[] {
  const others = (["replaced", "deleted", "failed"] as const).filter((each) => !columns.includes(each));
  const changes = [...columns, ...others.filter((each) => layers.some(({ counts }) => counts[each] > 0))];
  return table(
    ["layer", "objects", ...changes, ...(times ? ["time"] : [])],
    layers.map((summary) => [
      summary.layer,
      total(summary),
      ...changes.map((each) => summary.counts[each]),
      ...(times ? [elapsed(summary.busyMs)] : []),
    ]),
  );
}

/** Whether everything in the stack file is deployed and unchanged, and its cluster runs with all its nodes. */
export function isHealthy({ state, nodes }: ClusterStatus, status: StackStatus | undefined): boolean {
  const clusterIsHealthy =
    state === "absent" || (state === "running" && nodes?.ready === nodes?.total && nodes?.missing.length === 0);
  return (
    clusterIsHealthy && status?.reachable === true && status.findings.every((each) => each.state === "as deployed")
  );
}

/** Without a `status`, no deployment is recorded. */
export function reportStatus(
  terminal: Terminal,
  stack: string,
  cluster: ClusterStatus,
  status: StackStatus | "deployed by others" | undefined,
): void {
  const [start, destroy] = [commandFor("npm start", stack), commandFor("npm run destroy", stack)];
  if (cluster.state !== "absent") terminal.line(`Cluster${describe(cluster)}`);
  if (status === "deployed by others" && (cluster.state === "running" || cluster.state === "stopped")) {
    return terminal.line(
      `\`npm start\` has not created it; most likely \`pulumi up\` has: \`pulumi preview --refresh\` shows its state. \`${destroy}\` removes it.`,
    );
  }
  if (status === undefined || status === "deployed by others") {
    return terminal.line(
      `No deployment is recorded; \`${start}\` deploys the stack, or continues where it stopped; \`${destroy}\` removes what there is.`,
    );
  }
  const bad = (text: string) => terminal.line(terminal.paint("red", text));
  if (!status.reachable) bad("The cluster does not answer, so the state of what is in it is not known.");
  reportLayers(terminal, status);
  const changed = status.findings.filter(({ state }) => state !== "as deployed" && state !== "not deployed");
  if (changed.length > 0) terminal.line();
  for (const { label, state, detail } of changed) {
    terminal.line(`${terminal.paint("red", "✗")} ${label}: ${state}${detail ? ` (${detail})` : ""}`);
  }
  const releases = status.findings.filter(({ kind }) => kind === "release");
  const deployed = releases.filter(({ state }) => state === "as deployed").length;
  if (releases.length > 0) terminal.line(`\n${count(releases.length, "release")}, ${deployed} deployed`);
  reportOutputs(terminal, status.outputs);
  terminal.line();
  if (isHealthy(cluster, status)) return terminal.line("Everything is as it was deployed.");
  const open = status.findings.filter(({ state }) => state === "not deployed").length;
  bad(
    `${open === 0 ? "" : `${count(open, "object")} not deployed yet. `}\`${start}\` fixes what is missing or changed.`,
  );
}

function reportLayers(terminal: Terminal, { findings }: StackStatus): void {
  const layers = [...new Set(findings.map(({ layer }) => layer))];
  if (layers.length === 0) return;
  const isOpen = findings.some(({ state }) => state === "not deployed");
  const states = ["as deployed", "missing", "changed", ...(isOpen ? ["not deployed"] : [])];
  const rows = layers.map((layer) => {
    const found = findings.filter((each) => each.layer === layer);
    return [layer, found.length, ...states.map((state) => found.filter((each) => each.state === state).length)];
  });
  terminal.lines("", ...table(["layer", "objects", ...states], rows));
}

function describe({ name, state, nodes, kubernetesVersion = "", apiServer, processes = {} }: ClusterStatus): string {
  if (name === undefined) {
    return `: its files were removed, and ${Object.keys(processes).length} of its processes are still running`;
  }
  const missing = nodes === undefined || nodes.missing.length === 0 ? "" : `, missing: ${nodes.missing.join(", ")}`;
  const ready = nodes === undefined ? "" : `, ${nodes.ready} of ${count(nodes.total, "node")} ready${missing}`;
  const texts = { absent: "", incomplete: "its creation was interrupted", stopped: "stopped", running: "running" };
  return ` ${name}: ${texts[state]}, Kubernetes ${kubernetesVersion} at ${apiServer ?? ""}${ready}`;
}
