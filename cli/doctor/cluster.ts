import { connect } from "node:net";
import { kubeconfigPath } from "../../components/cluster/kinds/existing";
import { liveControlPlanes } from "../../components/mesh/lifecycle/mesh-state";
import { compareMinor } from "../../components/settings/versions";
import { ApiServer, type LiveObject } from "../../components/shared/kubernetes/api-server";
import { conditionsOf, isSimulatedNode } from "../../components/shared/kubernetes/object";
import { asTree, treesIn } from "../../components/shared/merge";
import { UserError } from "../../components/shared/problem";
import { healthRequest, meshHealth } from "../../components/verification/health/health";
import { clusterStatus } from "../../embedded/cluster/status";
import { secretOf } from "../engine/pulumi-cli";
import { accessOf } from "../engine/pulumi-recovery";
import { clusterFiles } from "../../embedded/cluster/files";
import { commandFor } from "../stack-option";
import {
  type Check,
  failure,
  type Finding,
  type Found,
  notKnown,
  NothingToCheck,
  ok,
  type DoctorContext,
  warning,
} from "./doctor";
import { sizeOf } from "./machine";

/** The cluster, as its API server reports it. Changes nothing. */

const where = "cluster";

export const clusterChecks: readonly Check[] = [
  { subject: "access", where, limit: 40, run: access },
  { subject: "clock", where, limit: 40, run: clocks },
  { subject: "nodes", where, limit: 40, run: nodes },
  { subject: "node disks", where, limit: 40, run: nodeDisks },
  { subject: "etcd", where, limit: 40, run: etcdSize },
  { subject: "mesh", where, limit: 45, run: mesh },
];

/** How the stack's cluster is reached; undefined where there is none yet. */
export async function openCluster(
  given: Pick<DoctorContext, "model" | "projectRoot" | "stack" | "configFile" | "deployment">,
) {
  const { model, projectRoot, stack, deployment } = given;
  if (!model) return undefined;
  const { cluster } = model.settings;
  if (cluster.kind === "embedded") {
    if ((await clusterStatus(projectRoot, stack)).state !== "running") return undefined;
    return ApiServer.open({ kubeconfig: clusterFiles(projectRoot, stack).kubeconfig });
  }
  if (cluster.kind === "existing" && cluster.kubeconfig) {
    const { file, secret = "", context } = cluster.kubeconfig;
    // Also before the first deployment.
    const kubeconfig =
      file === undefined ? await secretOf(given, secret, "The kubeconfig is read") : kubeconfigPath(file, projectRoot);
    return ApiServer.open({ kubeconfig, ...(context !== undefined && { context }) });
  }
  const access = accessOf((await deployment()) ?? null);
  return access && ApiServer.open(access);
}

async function required({ server }: DoctorContext): Promise<ApiServer> {
  const api = await server().catch(() => undefined);
  // That it cannot be reached is a finding of its own.
  if (api === undefined || !(await api.answers())) throw new NothingToCheck();
  return api;
}

async function access(
  { server, model, stack, projectRoot, deployment }: DoctorContext,
  signal: AbortSignal,
): Promise<Found[]> {
  if (!model) throw new NothingToCheck();
  const start = commandFor("npm start", stack);
  let api: ApiServer | undefined;
  try {
    api = await server();
  } catch (error) {
    // The state's own check reports the rest.
    if (!(error instanceof UserError) || (await deployment().catch(() => null)) === null) throw new NothingToCheck();
    return [failure(where, error.message, "correct cluster.kubeconfig")];
  }
  if (api === undefined) {
    const stopped = model.cluster.simulatedNodes && (await clusterStatus(projectRoot, stack)).state === "stopped";
    return [
      stopped
        ? warning(where, "the embedded cluster is stopped, as after a reboot", `\`${start}\` starts it`)
        : ok(where, "there is none yet"),
    ];
  }
  const started = Date.now();
  let version: string;
  try {
    const answer = (await api.request("GET", "/version", { timeoutMs: 10_000, signal })) as { gitVersion?: string };
    version = answer.gitVersion ?? "";
  } catch (error) {
    const next =
      "check that the API server runs, that its address can be reached from here, and that the kubeconfig's credentials are valid";
    return [failure(where, `${api.address}: ${(error as Error).message}`, next)];
  }
  const wanted = model.cluster.kubernetesVersion;
  const found = ok(where, `${api.address} answers in ${Date.now() - started} ms: Kubernetes ${version}`);
  if (wanted === undefined || version === wanted || (compareMinor(version, wanted) === 0 && !model.cluster.created))
    return [found];
  const next = model.cluster.created
    ? `\`${start}\` upgrades it; where it is newer, write its version into the stack file`
    : "write its version into the stack file";
  return [found, warning(where, `it runs Kubernetes ${version}, and the stack file has ${wanted}`, next)];
}

/** Seconds by which clocks may differ: more, and leases, tokens and new certificates are misread. */
const [tolerated, harmful] = [2, 30];

/** @param aheadMs of the clock here */
export function skew(at: string, aheadMs: number, of = "this machine's"): Found {
  const seconds = Math.abs(aheadMs / 1000);
  const message = `its clock is ${seconds.toFixed(1)} s ${aheadMs < 0 ? "behind" : "ahead of"} ${of}`;
  if (seconds <= tolerated) return ok(at, message);
  const next = "set up time synchronization there, or here: nodes of Talos use machine.time.servers";
  return seconds > harmful
    ? failure(at, `${message}: certificates and tokens are refused`, next)
    : warning(at, message, next);
}

async function clocks(context: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const api = await required(context);
  return [skew("API server", await api.clockAhead(signal)), ...(await nodeClocks(api, signal))];
}

/** A kubelet writes the time of its node into its lease, and the API server notes when it did. */
async function nodeClocks(api: ApiServer, signal: AbortSignal): Promise<Found[]> {
  const leases = await api.list(
    { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "kube-node-lease" },
    {},
    signal,
  );
  return leases.flatMap((lease) => {
    const renewed = Date.parse(String(asTree(lease.spec).renewTime));
    const times = treesIn(asTree(lease.metadata).managedFields).flatMap(({ manager, time }) =>
      manager === "kubelet" && typeof time === "string" ? [Date.parse(time)] : [],
    );
    const noted = Math.max(...times);
    if (!Number.isFinite(renewed) || !Number.isFinite(noted)) return [];
    // Whole seconds, rounded down.
    return [skew(`node ${lease.metadata.name}`, renewed - (noted + 500), "the API server's")];
  });
}

const pressures = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

async function nodes(context: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const all = await (await required(context)).list({ apiVersion: "v1", kind: "Node" }, {}, signal);
  const found = all.map(nodeFindings);
  const ready = found.filter((ofNode) => ofNode.every(({ level }) => level !== "error")).length;
  return [
    ...(all.length === 0
      ? [failure(where, "it has no nodes", "add nodes")]
      : [ok(where, `${ready} of ${all.length} nodes are ready`)]),
    ...found.flat(),
  ];
}

export function nodeFindings(node: LiveObject): Found[] {
  const at = `node ${node.metadata.name}`;
  const conditions = conditionsOf(node);
  const ready = conditions.find(({ type }) => type === "Ready");
  const pressure = conditions.filter(({ type, status }) => pressures.includes(type) && status === "True");
  return [
    ...(ready?.status === "True"
      ? []
      : [
          failure(
            at,
            `not ready: ${ready?.message ?? "its kubelet has not reported"}`,
            `kubectl describe node ${node.metadata.name}`,
          ),
        ]),
    ...pressure.map(({ type, message = "" }) => failure(at, `${type}: ${message}`, "free or add what is short there")),
    ...(asTree(node.spec).unschedulable === true
      ? [
          warning(
            at,
            "cordoned, so that no pod is scheduled there",
            `kubectl uncordon ${node.metadata.name}, unless an administrator works on it`,
          ),
        ]
      : []),
  ];
}

async function nodeDisks(context: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const api = await required(context);
  const all = (await api.list({ apiVersion: "v1", kind: "Node" }, {}, signal)).filter((node) => !isSimulatedNode(node));
  if (all.length === 0) throw new NothingToCheck();
  const found = await Promise.all(
    all.map(async ({ metadata: { name } }): Promise<Found> => {
      try {
        const path = `/api/v1/nodes/${encodeURIComponent(name)}/proxy/stats/summary`;
        const { node } = asTree(await api.request("GET", path, { timeoutMs: 15_000, signal }));
        return nodeDisk(name, asTree(asTree(node).fs));
      } catch (error) {
        return notKnown(`node ${name}`, `its kubelet does not answer: ${(error as Error).message}`);
      }
    }),
  );
  return found;
}

/** Kubelets evict pods below 10% of the disk; images are removed from 85% on. */
const [full, fuller] = [0.15, 0.1];

function nodeDisk(name: string, { availableBytes, capacityBytes }: Readonly<Record<string, unknown>>): Found {
  const at = `node ${name}`;
  if (typeof availableBytes !== "number" || typeof capacityBytes !== "number" || capacityBytes === 0)
    return notKnown(at, "its kubelet reports no file system");
  const share = availableBytes / capacityBytes;
  const message = `${sizeOf(availableBytes)} of ${sizeOf(capacityBytes)} free (${Math.round(100 * share)}%)`;
  const next = "remove what is not needed, or give the node a larger disk; below 10% pods are evicted";
  if (share < fuller) return failure(at, message, next);
  return share < full ? warning(at, message, next) : ok(at, message);
}

/** etcd's default quota, at which it accepts no more writes. Source: etcd.io, "Maintenance", space quota. */
const quota = 2 * 1024 ** 3;

async function etcdSize(context: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const api = await required(context);
  const metrics = await api.request("GET", "/metrics", { timeoutMs: 20_000, signal });
  const name = /^apiserver_storage_(?:size_bytes|db_total_size_in_bytes)\{[^}]*\} ([\d.e+]+)$/gm;
  const sizes = [...String(metrics).matchAll(name)].map(([, bytes]) => Number(bytes));
  if (sizes.length === 0) return [notKnown("etcd", "the API server reports no size of its storage")];
  const size = Math.max(...sizes);
  const message = `the database has ${sizeOf(size)}; etcd's default quota is ${sizeOf(quota)}`;
  const next =
    "find what writes so many objects, then compact and defragment: talosctl etcd defrag, a member at a time";
  return [size > 0.75 * quota ? warning("etcd", message, next) : ok("etcd", message)];
}

/** As verification sees the mesh: `components/verification/health`. */
async function mesh(context: DoctorContext, signal: AbortSignal): Promise<Finding[] | Found[]> {
  const { model } = context;
  const api = await required(context);
  if (!model) throw new NothingToCheck();
  if ((await liveControlPlanes(api)).length === 0) return [ok("mesh", "no control plane is installed")];
  if (model.cluster.simulatedNodes) return [ok("mesh", "not checked: nodes are simulated, and istiod does not run")];
  const found = await meshHealth(healthRequest(model.policies), { server: api, signal });
  return found.map((finding) => ({ where: "mesh", ...finding, subject: `mesh: ${finding.subject}` }));
}

/** Whether something listens at a port, within some seconds. */
export function listens(host: string, port: number, signal: AbortSignal): Promise<true | string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal, timeout: 4000 });
    const end = (result: true | string) => {
      resolve(result);
      socket.destroy();
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end("no answer within 4 s"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
