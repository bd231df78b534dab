import { controlPlaneTools, defaultPins } from "../tools/catalog";
import { ensureTools } from "../tools/ensure-tools";
import { reportTools } from "../tools/progress";
import { writeFileAtomically } from "../../components/shared/files";
import type { ApiServer } from "../../components/shared/kubernetes/api-server";
import { Missing, waitFor, WaitTimeout } from "../../components/shared/kubernetes/wait";
import { isKept, removeCluster } from "./delete";
import {
  clusterFiles,
  kubeconfigText,
  openServer,
  readCredentials,
  readRecord,
  refuseForeignFolder,
  replacePath,
  withClusterLock,
  writeRecord,
  type ClusterFiles,
  type ClusterRecord,
} from "./files";
import { createCluster, explainedByLogs, startCluster } from "./kwokctl";
import { reconcileNodes, releaseNodes, simulatedNodes } from "./nodes";
import { choosePorts, requireFree } from "./ports";
import { type Component, components, endProcesses, processesOf } from "./processes";
import type { ClusterRequest } from "./request";

type Log = (line: string) => void;

const readyTimeoutMs = 90_000;

/**
 * Brings the cluster up from any state: absent, running, stopped, some processes gone, the project moved, an earlier `up`
 * killed half-way. The data of a complete cluster is kept. Returns the kubeconfig.
 */
export async function up(projectRoot: string, request: ClusterRequest, log: Log): Promise<string> {
  const files = clusterFiles(projectRoot, request.stack);
  return withClusterLock(files, log, async () => {
    refuseForeignFolder(files);
    const { record, restarted } = await startProcesses(files, request, log);
    const server = openServer(files, record);
    await waitUntilServing(server, files, record);
    if (restarted) await releaseNodes(server);
    const nodes = simulatedNodes(request.name, request.workers, request.kubernetesVersion);
    const { added, removed } = await reconcileNodes(server, nodes, readyTimeoutMs);
    if (added.length > 0) log(`nodes added: ${added.join(", ")}`);
    if (removed.length > 0) log(`nodes removed: ${removed.join(", ")}`);
    const kubeconfig = kubeconfigText(record, readCredentials(files, record));
    writeFileAtomically(files.kubeconfig, kubeconfig);
    writeRecord(files, {
      ...record,
      complete: true,
      incarnation: request.incarnation,
      processes: processesOf(files.kwok).map(({ pid, startedAt }) => ({ pid, startedAt })),
      nodes: nodes.map(({ metadata }) => metadata.name),
    });
    return kubeconfig;
  });
}

/** `restarted`: whether processes were started on existing data. */
type Started = { readonly record: ClusterRecord; readonly restarted: boolean };

/** Does not wait until the processes serve. */
async function startProcesses(files: ClusterFiles, request: ClusterRequest, log: Log): Promise<Started> {
  const found = readRecord(files);
  if (found === undefined) {
    if (processesOf(files.kwok).length > 0) {
      log("a cluster runs whose files were removed: ending it and creating another");
      await endProcesses(files.kwok);
    }
    return create(files, request, log);
  }
  if (!isKept(files, found)) {
    log(
      found.complete
        ? `this is a copy of a project whose cluster runs in ${found.kwok}: creating another cluster`
        : "an earlier start was interrupted: creating the cluster again",
    );
    await removeCluster(files, found);
    return create(files, request, log);
  }
  refuseChange(found, request);
  if (found.kwok !== files.kwok) {
    log(`the project was moved; its cluster ran in ${found.kwok}`);
    await endProcesses(found.kwok);
    replacePath(files, found);
  }
  const running = processesOf(files.kwok).length;
  if (running === components.length) return { record: found, restarted: false };
  log(`the cluster is stopped (${running} of ${components.length} processes run): starting it with its data`);
  const tools = await obtainTools(request, log);
  await endProcesses(files.kwok);
  await requireFree(found.apiServerPort);
  const record = { ...found, kwok: files.kwok };
  writeRecord(files, record);
  await startCluster(files, record.name, tools);
  return { record, restarted: true };
}

async function create(files: ClusterFiles, request: ClusterRequest, log: Log): Promise<Started> {
  if (request.apiServerPort !== undefined) await requireFree(request.apiServerPort);
  const tools = await obtainTools(request, log);
  const ports = await choosePorts(files.kwok, request.apiServerPort);
  const record: ClusterRecord = {
    owner: "talos-mesh",
    kwok: files.kwok,
    stack: request.stack,
    name: request.name,
    kubernetesVersion: request.kubernetesVersion,
    apiServerPort: ports.kubeApiserverPort,
    complete: false,
  };
  writeRecord(files, record);
  log(`creating the control plane (Kubernetes ${tools["kube-apiserver"].version}) on port ${record.apiServerPort}`);
  try {
    await createCluster(files, request.name, tools, ports);
  } catch (error) {
    await endProcesses(files.kwok);
    throw error;
  }
  return { record, restarted: false };
}

function obtainTools(request: ClusterRequest, log: Log) {
  const progress = reportTools(log, (step) => step !== undefined && log(step));
  const pins = { ...defaultPins, kubernetes: request.kubernetesVersion.slice(1) };
  return ensureTools(controlPlaneTools, { pins, progress, reportEveryMs: 10_000 });
}

function refuseChange(record: ClusterRecord, request: ClusterRequest): void {
  const requested = { apiServerPort: record.apiServerPort, ...request };
  const changes = (["name", "kubernetesVersion", "apiServerPort"] as const)
    .filter((field) => record[field] !== requested[field])
    .map((field) => `  ${field}: is ${record[field]}, requested is ${requested[field]}\n`);
  if (changes.length === 0) return;
  throw new Error(
    `the embedded cluster of stack ${record.stack} cannot be changed in place:\n${changes.join("")}` +
      "Everything in it would be lost. Destroy the stack first, then deploy it again.",
  );
}

/** @throws Error with the end of the failed component's log. What still runs is ended first: nothing is left behind. */
async function waitUntilServing(server: ApiServer, files: ClusterFiles, record: ClusterRecord): Promise<void> {
  let ended: Component | undefined;
  const check = async () => {
    const running = processesOf(files.kwok).map(({ component }) => component);
    ended = components.find((component) => !running.includes(component));
    if (ended !== undefined) throw new Error(`${ended} has ended.`);
    return (await server.request("GET", "/readyz", { timeoutMs: 10_000 })) === "ok" || new Missing("/readyz");
  };
  try {
    await waitFor(check, { timeoutMs: readyTimeoutMs, intervalMs: 50, retries: () => ended === undefined });
  } catch (error) {
    await endProcesses(files.kwok);
    const message =
      error instanceof WaitTimeout
        ? `the API server at ${server.address} is not ready after ${readyTimeoutMs / 1000} s.`
        : (error as Error).message;
    throw new Error(`${message}\n${explainedByLogs(files, record.name, ended ?? "kube-apiserver")}`, { cause: error });
  }
}
