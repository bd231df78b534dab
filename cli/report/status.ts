import type { ClusterStatus } from "../../embedded/cluster/status";
import type { Item, StackStatus } from "../engine/engine";
import { commandFor } from "../stack-option";
import { count, table } from "./format";
import { reportOutputs } from "./outcome";
import type { Terminal } from "./terminal";

/** What the stack file asks for and was never made to its end; undefined where the stack file cannot be read. */
export type NotMade = readonly Item[] | undefined;

/** Whether everything that is asked for is there as it was deployed, and its cluster runs with all its nodes. */
export function isHealthy(cluster: ClusterStatus, status: StackStatus | undefined, notMade: NotMade): boolean {
  if (status === undefined || !status.reachable || (notMade ?? []).length > 0) return false;
  return clusterIsWell(cluster) && status.findings.every(({ state }) => state === "as deployed");
}

function clusterIsWell({ state, nodes }: ClusterStatus): boolean {
  if (state === "absent") return true;
  return state === "running" && nodes !== undefined && nodes.ready === nodes.total && nodes.missing.length === 0;
}

export function reportStatus(
  terminal: Terminal,
  stack: string,
  cluster: ClusterStatus,
  status: StackStatus | undefined,
  notMade: NotMade,
): void {
  const start = commandFor("npm start", stack);
  if (cluster.state !== "absent") terminal.line(`Cluster${describe(cluster)}`);
  if (status === undefined) {
    const destroy = commandFor("npm run destroy", stack);
    terminal.line(`No deployment of it is recorded; \`${start}\` completes it, \`${destroy}\` takes it down.`);
    return;
  }
  const bad = (text: string) => terminal.line(terminal.paint("red", text));
  if (!status.reachable) bad("The cluster does not answer, so what is in it is not known.");
  reportLayers(terminal, status, notMade ?? []);
  const wrong = status.findings.filter(({ state }) => state !== "as deployed");
  if (wrong.length > 0) terminal.line();
  for (const { label, state, detail } of wrong) {
    terminal.line(`${terminal.paint("red", "✗")} ${label}: ${state}${detail === undefined ? "" : ` (${detail})`}`);
  }
  const releases = status.findings.filter(({ kind }) => kind === "release");
  const deployed = releases.filter(({ state }) => state === "as deployed").length;
  if (releases.length > 0) terminal.line(`\n${count(releases.length, "release")}, ${deployed} deployed`);
  reportOutputs(terminal, status.outputs);
  terminal.line();
  if (notMade === undefined)
    terminal.line("The stack file cannot be read, so whether anything is still to be made is not known.");
  if (isHealthy(cluster, status, notMade)) return terminal.line("Everything is as it was deployed.");
  const missing =
    notMade === undefined || notMade.length === 0 ? "" : `${count(notMade.length, "object")} not made yet. `;
  bad(`${missing}\`${start}\` makes and mends what is missing or changed.`);
}

function reportLayers(terminal: Terminal, { findings }: StackStatus, notMade: readonly Item[]): void {
  const layers = [...new Set([...findings, ...notMade].map(({ layer }) => layer))];
  if (layers.length === 0) return;
  const rows = layers.map((layer) => {
    const found = findings.filter((each) => each.layer === layer);
    const inState = (...states: string[]) => found.filter(({ state }) => states.includes(state)).length;
    // What was begun and not ended is in the record, and is still to be made.
    const unfinished = inState("unfinished");
    const open = Math.max(unfinished, notMade.filter((each) => each.layer === layer).length);
    const total = found.length - unfinished + open;
    return [layer, total, inState("as deployed"), inState("missing"), inState("changed"), open];
  });
  const head = ["layer", "objects", "as deployed", "missing", "changed", "not made"];
  const columns = rows.some((row) => Number(row[5]) > 0) ? head.length : head.length - 1;
  terminal.line();
  const shown = table(
    head.slice(0, columns),
    rows.map((row) => row.slice(0, columns)),
  );
  for (const line of shown) terminal.line(line);
}

function describe({ name, state, nodes, kubernetesVersion = "", apiServer, processes = {} }: ClusterStatus): string {
  if (name === undefined) {
    return `: its files were removed, and ${Object.keys(processes).length} of its processes still run`;
  }
  const missing = nodes === undefined || nodes.missing.length === 0 ? "" : `, missing: ${nodes.missing.join(", ")}`;
  const shown = nodes === undefined ? "" : `, ${nodes.ready} of ${count(nodes.total, "node")} ready${missing}`;
  const what = { absent: "", incomplete: "was begun and never completed", stopped: "stopped", running: "running" }[
    state
  ];
  return ` ${name}: ${what}, Kubernetes ${kubernetesVersion} at ${apiServer ?? ""}${shown}`;
}
