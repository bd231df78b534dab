import type { ClusterStatus } from "../embedded/status";
import type { StackStatus } from "../engine/engine";
import { count, table } from "./format";
import { reportOutputs } from "./outcome";
import type { Terminal } from "./terminal";

/** Whether everything that was deployed is there as it was, and its cluster runs with all its nodes. */
export function isHealthy(cluster: ClusterStatus, status: StackStatus | undefined): boolean {
  if (status === undefined || !status.reachable) return false;
  const { nodes } = cluster;
  const clusterWell =
    cluster.state === "absent" || (cluster.state === "running" && nodes !== undefined && nodes.ready === nodes.total);
  return clusterWell && status.findings.every(({ state }) => state === "as recorded");
}

export function reportStatus(terminal: Terminal, cluster: ClusterStatus, status: StackStatus | undefined): void {
  if (cluster.state !== "absent") terminal.line(`Cluster ${cluster.name ?? ""}: ${describe(cluster)}`);
  if (status === undefined) {
    terminal.line("No deployment of it is recorded; `npm start` completes it, `npm run destroy` takes it down.");
    return;
  }
  if (!status.reachable) {
    terminal.line(
      terminal.paint("red", "The cluster does not answer, or was never completed; `npm start` brings it back."),
    );
  }
  const layers = [...new Set(status.findings.map(({ layer }) => layer))];
  if (layers.length > 0) {
    const rows = layers.map((layer) => {
      const findings = status.findings.filter((each) => each.layer === layer);
      const inState = (...states: string[]) => findings.filter(({ state }) => states.includes(state)).length;
      return [layer, findings.length, inState("as recorded"), inState("missing"), inState("changed", "unfinished")];
    });
    terminal.line();
    for (const line of table(["layer", "objects", "as deployed", "missing", "changed"], rows)) terminal.line(line);
  }
  const wrong = status.findings.filter(({ state }) => state !== "as recorded");
  if (wrong.length > 0) terminal.line();
  for (const { label, state, detail } of wrong) {
    terminal.line(`${terminal.paint("red", "✗")} ${label}: ${state}${detail === undefined ? "" : ` (${detail})`}`);
  }
  const releases = status.findings.filter(({ target }) => target.kind === "release");
  const deployed = releases.filter(({ state }) => state === "as recorded").length;
  if (releases.length > 0) terminal.line(`\n${count(releases.length, "release")}, ${deployed} deployed`);
  reportOutputs(terminal, status.outputs);
  if (wrong.length > 0) terminal.line("\n`npm start` mends what is missing or changed.");
}

function describe({ state, nodes, kubernetesVersion = "", apiServer = "" }: ClusterStatus): string {
  const shown = nodes === undefined ? "" : `, ${nodes.ready} of ${count(nodes.total, "node")} ready`;
  return `${state}, Kubernetes ${kubernetesVersion} at ${apiServer}${shown}`;
}
