import { mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { ensureTools } from "../tools/ensure-tools";
import { defaultPins } from "../tools/catalog";
import { ApiServer } from "./api-server";
import { withClusterLock } from "./cluster-lock";
import { discard } from "./discard";
import { recordIncarnation } from "./incarnation";
import { kubeconfigText, readCredentials } from "./kubeconfig";
import { controlPlaneTools, createCluster, explainedByLogs, startCluster } from "./kwokctl";
import { clusterFolder, layoutOf, type Layout } from "./layout";
import { readMarker, refuseForeign, writeMarker, type Marker } from "./marker";
import { reconcileNodes, releaseNodes, simulatedNodes } from "./nodes";
import { choosePorts, requireFree } from "./ports";
import { components, endProcesses, processesOf } from "./processes";
import { toolProgressLines } from "./progress";
import type { ClusterRequest } from "./request";
import { writeWhole } from "./write-file";

type Say = (line: string) => void;

const readyMs = 90_000;

/**
 * Brings the cluster up from any state: not there, running, stopped, some processes gone, killed half-way through an
 * earlier `up`. The data of a complete cluster is kept.
 *
 * @returns the kubeconfig.
 * @throws Error when its folder is not ours, when a complete cluster was made from another version, name or port (that
 *   cannot be changed without losing its objects: it must be destroyed first), when a port is in use, when a tool cannot
 *   be had, or when a component does not start.
 */
export async function up(projectRoot: string, request: ClusterRequest, say: Say): Promise<string> {
  const layout = layoutOf(projectRoot, request.stack);
  return withClusterLock(layout, say, async () => {
    refuseForeign(layout);
    const { marker, restarted } = await bringUp(layout, request, say);
    const credentials = readCredentials(clusterFolder(layout.kwok, marker.name));
    const api = new ApiServer(marker.apiServerPort, credentials);
    let nodes: string[];
    try {
      await waitUntilReady(api, layout, marker.name);
      if (restarted) await releaseNodes(api);
      nodes = await bringNodes(api, request, say);
    } finally {
      api.close();
    }
    const kubeconfig = kubeconfigText(request.stack, marker.apiServerPort, credentials);
    writeWhole(layout.kubeconfig, kubeconfig);
    if (!marker.complete) writeMarker(layout, { ...marker, complete: true });
    const processes = processesOf(layout.kwok).map(({ pid, startedAt }) => ({ pid, startedAt }));
    const { incarnation } = request;
    recordIncarnation(layout.incarnation, { incarnation, kwok: layout.kwok, processes, nodes });
    return kubeconfig;
  });
}

interface BroughtUp {
  readonly marker: Marker;
  /** Whether processes were started on the data of earlier ones. */
  readonly restarted: boolean;
}

/** Makes sure that every process runs; does not wait until they serve. */
async function bringUp(layout: Layout, request: ClusterRequest, say: Say): Promise<BroughtUp> {
  const marker = readMarker(layout);
  if (marker === undefined) {
    if (processesOf(layout.kwok).length > 0) {
      say("a cluster runs whose files were removed: ending it and beginning anew");
      await endProcesses(layout.kwok);
    }
    return create(layout, request, say);
  }
  if (!marker.complete || marker.kwok !== layout.kwok) {
    say(
      marker.complete
        ? `the cluster was made in ${marker.kwok} and cannot be used from here: beginning anew`
        : "an earlier start was interrupted: beginning anew",
    );
    await discard(layout, marker);
    return create(layout, request, say);
  }
  refuseChange(marker, request);
  const running = processesOf(layout.kwok).length;
  if (running === components.length) return { marker, restarted: false };
  say(`the cluster is down (${running} of ${components.length} processes run): starting it with its data`);
  const tools = await obtainTools(request, say);
  await endProcesses(layout.kwok);
  await requireFree(marker.apiServerPort);
  await startCluster(layout, marker.name, tools);
  return { marker, restarted: true };
}

async function create(layout: Layout, request: ClusterRequest, say: Say): Promise<BroughtUp> {
  if (request.apiServerPort !== undefined) await requireFree(request.apiServerPort);
  const tools = await obtainTools(request, say);
  const ports = await choosePorts(layout.kwok, request.apiServerPort);
  const marker: Marker = {
    owner: "talos-mesh",
    kwok: layout.kwok,
    stack: request.stack,
    name: request.name,
    kubernetesVersion: version(request),
    apiServerPort: ports.kubeApiserverPort,
    complete: false,
  };
  mkdirSync(layout.kwok, { recursive: true });
  writeMarker(layout, marker);
  say(`creating the control plane (Kubernetes ${tools["kube-apiserver"].version}) on port ${marker.apiServerPort}`);
  try {
    await createCluster(layout, request.name, tools, ports);
  } catch (error) {
    await endProcesses(layout.kwok);
    throw error;
  }
  return { marker, restarted: false };
}

/** @returns the names of the nodes. */
async function bringNodes(api: ApiServer, request: ClusterRequest, say: Say): Promise<string[]> {
  const wanted = simulatedNodes(request.name, request.workers, version(request));
  const { added, removed } = await reconcileNodes(api, wanted, readyMs);
  if (added.length > 0) say(`nodes added: ${added.join(", ")}`);
  if (removed.length > 0) say(`nodes removed: ${removed.join(", ")}`);
  return wanted.map(({ metadata }) => metadata.name);
}

function version({ kubernetesVersion }: ClusterRequest): string {
  return `v${kubernetesVersion.replace(/^v/, "")}`;
}

async function obtainTools(request: ClusterRequest, say: Say) {
  const pins = { ...defaultPins, kubernetes: version(request).slice(1) };
  return ensureTools(controlPlaneTools, { pins, progress: toolProgressLines(say) });
}

function refuseChange(marker: Marker, request: ClusterRequest): void {
  const changes = [
    ["name", marker.name, request.name],
    ["kubernetesVersion", marker.kubernetesVersion, version(request)],
    ["apiServerPort", marker.apiServerPort, request.apiServerPort ?? marker.apiServerPort],
  ].filter(([, is, asked]) => is !== asked);
  if (changes.length === 0) return;
  throw new Error(
    [
      `the embedded cluster of stack ${marker.stack} cannot be changed in place:`,
      ...changes.map(([field, is, asked]) => `  ${field}: is ${is}, asked for is ${asked}`),
      "Everything in it would be lost, so this is not done unasked: destroy the stack first, then deploy it again.",
    ].join("\n"),
  );
}

/** @throws Error with the end of the failed component's log. What still runs is ended first: nothing is left behind. */
async function waitUntilReady(api: ApiServer, layout: Layout, name: string): Promise<void> {
  const deadline = Date.now() + readyMs;
  while (!(await api.ready())) {
    const running = processesOf(layout.kwok).map(({ component }) => component);
    const ended = components.find((component) => !running.includes(component));
    if (ended === undefined && Date.now() < deadline) {
      await delay(50);
      continue;
    }
    await endProcesses(layout.kwok);
    throw new Error(
      ended === undefined
        ? `the API server on port ${api.port} is not ready after ${readyMs / 1000} s.\n${explainedByLogs(layout, name, "kube-apiserver")}`
        : `${ended} has ended.\n${explainedByLogs(layout, name, ended)}`,
    );
  }
}
