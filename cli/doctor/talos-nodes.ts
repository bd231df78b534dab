import { machineTypeOf } from "../../components/cluster/talos/config/node-settings";
import type { TalosClusterSettings } from "../../components/cluster/kinds";
import { programsOnPath } from "../../embedded/tools/cache";
import { machineSecretsOf, outputOf } from "../talos";
import { listens, skew } from "./cluster";
import { type Check, failure, type Found, notKnown, NothingToCheck, ok, type DoctorContext, warning } from "./doctor";

/** The nodes of a cluster of kind talos, as their own API reports them. Changes nothing. */

type Node = TalosClusterSettings["nodes"][number];

const port = 50_000;

const unreachable = "check that the machine is on, boots Talos, has this address, and that this port is open from here";

export const talosChecks: readonly Check[] = [{ subject: "Talos API", where: "nodes", limit: 90, run: talosNodes }];

async function talosNodes(context: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const cluster = context.model?.settings.cluster;
  if (cluster?.kind !== "talos") throw new NothingToCheck();
  const secrets = await machineSecrets(context);
  const found = await Promise.all(cluster.nodes.map((node) => inspect(node, cluster, secrets, context, signal)));
  return found.flat();
}

/** Undefined where the cluster is not deployed, or talosctl is not there. */
async function machineSecrets({ deployment, env }: DoctorContext): Promise<string | undefined> {
  const state = await deployment().catch(() => undefined);
  if (!state?.resources?.length || programsOnPath("talosctl", env).length === 0) return undefined;
  try {
    return machineSecretsOf(state.resources);
  } catch {
    return undefined;
  }
}

async function inspect(
  node: Node,
  cluster: TalosClusterSettings,
  secrets: string | undefined,
  { projectRoot, stack, env }: DoctorContext,
  signal: AbortSignal,
): Promise<Found[]> {
  const at = `node ${node.hostname} (${node.ipAddress})`;
  if (secrets === undefined) {
    const answer = await listens(node.ipAddress, port, signal);
    return answer === true
      ? [ok(at, "its Talos API answers; more is known once the cluster is deployed, with talosctl on PATH")]
      : [failure(at, `port ${port} of its Talos API cannot be reached: ${answer}`, unreachable)];
  }
  const environment = {
    ...Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    TALOS_CLUSTER: cluster.name,
    TALOS_CONTRACT: cluster.contract ?? cluster.talosVersion,
    TALOS_NODE: node.hostname,
    TALOS_ADDRESS: node.ipAddress,
    TALOS_ROLE: machineTypeOf(node),
  };
  try {
    const text = await outputOf("inspect", { environment, stdin: secrets }, projectRoot, signal);
    return nodeFindings(at, text, { wanted: cluster.talosVersion, stack });
  } catch (error) {
    return [notKnown(at, (error as Error).message)];
  }
}

/** @param text output of components/cluster/talos/scripts/inspect.sh */
export function nodeFindings(
  at: string,
  text: string,
  { wanted, stack }: { readonly wanted: string; readonly stack: string },
): Found[] {
  const sections = new Map(
    [...text.matchAll(/^### (\w+) (\d+)\n([^]*?)(?=^### |$(?![^]))/gm)].map(([, name = "", status, content = ""]) => [
      name,
      { failed: status !== "0", content: content.trim() },
    ]),
  );
  const answerTo = (name: string, read: (content: string) => Found[]): Found[] => {
    const section = sections.get(name);
    if (section === undefined) return [];
    return section.failed ? [notKnown(at, `${name}: ${section.content}`)] : read(section.content);
  };
  const [state = "unreachable", stage = ""] = sections.get("state")?.content.split(" ") ?? [];
  if (state !== "configured") return [stateFinding(at, state)];
  return [
    ...answerTo("version", (content) => {
      const version = /"tag": *"([^"]+)"/.exec(content)?.[1];
      if (version === undefined) return [notKnown(at, "it does not report its version")];
      const message = `Talos ${version}, ${stage}`;
      return [
        version === wanted
          ? ok(at, message)
          : warning(
              at,
              `${message}; the stack file has ${wanted}`,
              "`npm start` or `pulumi up` upgrades it; where it is newer, write its version into the stack file",
            ),
      ];
    }),
    ...answerTo("time", (content) => clockFindings(at, content, sections.get("here")?.content ?? "")),
    ...answerTo("etcd", (content) => etcdFindings(at, content)),
    ...answerTo("alarms", (content) => {
      const alarms = content
        .split("\n")
        .slice(1)
        .map((line) => line.trim().split(/\s+/).at(-1) ?? "");
      return alarms.map((alarm) =>
        failure(
          at,
          `etcd has the alarm ${alarm}`,
          alarm === "NOSPACE"
            ? "etcd accepts no writes: talosctl etcd defrag, then talosctl etcd alarm disarm"
            : "restore this member from a snapshot: docs/real-cluster.md; see talosctl etcd status",
        ),
      );
    }),
  ].map((finding) => ({
    ...finding,
    ...(finding.next?.includes("talosctl ") && {
      next: `${finding.next} (npm run talos:config -- --stack ${stack} writes the talosconfig)`,
    }),
  }));
}

function stateFinding(at: string, state: string): Found {
  switch (state) {
    case "maintenance":
      return warning(
        at,
        "in maintenance mode: it has no machine config, or has lost it",
        "`npm start` or `pulumi up` configures it",
      );
    case "foreign":
      return failure(
        at,
        "belongs to another cluster: it refuses the certificate of this one",
        "check the address, and that the machine secrets are those of its cluster",
      );
    default:
      return failure(at, "its Talos API does not answer", unreachable);
  }
}

/** talosctl prints `2026-11-30 17:00:00.123456789 +0000 UTC`. */
function timeOf(text: string | undefined): number {
  return Date.parse((text ?? "").replace(/^(\S+) (\d\d:\d\d:\d\d)(\.\d{1,3})?\S* \+0000 UTC$/, "$1T$2$3Z"));
}

/** Against here, and against the node's own NTP server. */
function clockFindings(at: string, content: string, here: string): Found[] {
  const [, server, local, remote] = (content.split("\n")[1] ?? "").split(/\s{2,}/);
  const [node, ntp, before] = [timeOf(local), timeOf(remote), Date.parse(here)];
  if (Number.isNaN(node)) return [notKnown(at, "it does not tell the time")];
  // `date` has whole seconds, and the call takes a moment.
  const findings = Number.isNaN(before) ? [] : [skew(at, node - before - 1000)];
  return Number.isNaN(ntp) ? findings : [...findings, skew(at, node - ntp, `its time server's (${server})`)];
}

function etcdFindings(at: string, content: string): Found[] {
  const [head = "", ...rows] = content.split("\n");
  const columns = head.split(/\s{2,}/);
  return rows.flatMap((row) => {
    const cells = row.split(/\s{2,}/);
    const cell = (name: string) => cells[columns.indexOf(name)] ?? "";
    const errors = cell("ERRORS");
    const next = "see talosctl etcd status and talosctl etcd members";
    return [
      ok(at, `etcd: ${cell("DB SIZE")}, ${cell("IN USE")} in use`),
      ...(errors === "" ? [] : [failure(at, `etcd: ${errors}`, next)]),
      ...(cell("LEARNER") === "true"
        ? [warning(at, "etcd: this member is a learner and does not vote yet", next)]
        : []),
    ];
  });
}
