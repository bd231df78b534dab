import semver from "semver";
import type { ApiServer, LiveObject } from "../../shared/kubernetes/api-server";
import { managedBy, verificationManager } from "../../shared/kubernetes/object";
import { containersOf, listPods, type Pod } from "../../shared/kubernetes/pods";
import { ownReadiness } from "../../shared/kubernetes/readiness";
import { defaultRevision, rootNamespace } from "../../shared/istio";

/** Which parts of Istio run in a cluster, as its API server reports, and whether they fit together. Changes nothing. */

type Server = Pick<ApiServer, "list">;

export type LiveControlPlane = Readonly<Awaited<ReturnType<typeof liveControlPlanes>>[number]>;

/** A pod with a proxy: an application with a sidecar, a gateway, a waypoint. */
export type LiveProxy = Readonly<ReturnType<typeof proxiesIn>[number]>;

/** Of a DaemonSet on nodes: istio-cni, ztunnel. */
type LiveAgent = Pick<LiveControlPlane, "name" | "version">;

export type MeshFindings = Awaited<ReturnType<typeof meshFindings>>;

/** Every istiod of the cluster, including those of other owners. */
export async function liveControlPlanes(server: Server) {
  const deployments = await server.list({ apiVersion: "apps/v1", kind: "Deployment" }, { labelSelector: "app=istiod" });
  return deployments.map((deployment) => ({
    name: deployment.metadata.name,
    namespace: deployment.metadata.namespace ?? rootNamespace,
    revision: deployment.metadata.labels?.["istio.io/rev"] ?? defaultRevision,
    version: versionOf(deployment, "discovery"),
    missing: ownReadiness(deployment).missing,
  }));
}

const agentContainers = new Map([
  ["istio-cni-node", "install-cni"],
  ["ztunnel", "istio-proxy"],
]);

export async function liveAgents(server: Server): Promise<LiveAgent[]> {
  const sets = await server.list({ apiVersion: "apps/v1", kind: "DaemonSet", namespace: rootNamespace });
  return sets.flatMap((set) => {
    const { name } = set.metadata;
    const container = agentContainers.get(name);
    return container === undefined ? [] : [{ name, version: versionOf(set, container) }];
  });
}

export function proxiesIn(pods: readonly Pod[]) {
  return pods.flatMap(({ name: pod, namespace, proxy, revision, ready, ended, deleting, app }) => {
    // ztunnel's container has the same name as a proxy's.
    if (!proxy || ended || deleting || app === "ztunnel") return [];
    const { image } = proxy;
    // Completed: an injector has set its image, as a gateway's chart expects.
    return [{ namespace, pod, revision, version: versionIn(image), completed: image !== "auto", ready }];
  });
}

/** A `problem` is what is wrong and what to do; undefined where a proxy or an agent matches its control plane. */
export async function meshFindings(server: Server) {
  const [controlPlanes, all, agents, requested] = await Promise.all([
    liveControlPlanes(server),
    listPods(server),
    liveAgents(server),
    requestedRevisions(server),
  ]);
  // Clients of a verification are never ready, and are gone with it.
  const pods = all.filter(({ labels }) => labels[managedBy] !== verificationManager);
  return {
    controlPlanes,
    proxies: proxiesIn(pods).map((proxy) => {
      const plane = controlPlanes.find(({ revision }) => revision === proxy.revision);
      const problem = proxyProblem(proxy, plane, requested.get(proxy.namespace));
      return { ...proxy, controlPlane: plane?.version, problem };
    }),
    agents: agents.map((agent) => ({ ...agent, problem: agentProblem(agent, controlPlanes) })),
    /** Pods that should have a proxy and have none: they are older than the label, or no injector answered. */
    bare: pods
      .filter((pod) => couldHaveProxy(pod) && (requestsProxy(pod) ?? requested.has(pod.namespace)))
      .map(({ namespace, name: pod }) => ({ namespace, pod })),
  };
}

function couldHaveProxy({ proxy, ended, deleting, hostNetwork, labels }: Pod): boolean {
  const isAmbient = labels["istio.io/dataplane-mode"] === "ambient";
  return !proxy && !ended && !deleting && !hostNetwork && !isAmbient;
}

/** What the pod's own label or annotation says; undefined where that is up to its namespace. */
function requestsProxy({ labels, annotations }: Pod): boolean | undefined {
  const value = labels["sidecar.istio.io/inject"] ?? annotations["sidecar.istio.io/inject"];
  return value === undefined ? undefined : value === "true";
}

async function requestedRevisions(server: Server): Promise<ReadonlyMap<string, string>> {
  const namespaces = await server.list({ apiVersion: "v1", kind: "Namespace" });
  const tagged = await server.list({ apiVersion: "v1", kind: "Service" }, { labelSelector: "istio.io/tag" });
  const tags = new Map(
    tagged.map(({ metadata: { labels = {} } }) => [labels["istio.io/tag"], labels["istio.io/rev"] ?? defaultRevision]),
  );
  return new Map(
    namespaces.flatMap(({ metadata: { name, labels = {} } }): [string, string][] => {
      if (labels["istio.io/dataplane-mode"] === "ambient") return [];
      const revision = labels["istio-injection"] === "enabled" ? defaultRevision : labels["istio.io/rev"];
      return revision === undefined ? [] : [[name, tags.get(revision) ?? revision]];
    }),
  );
}

function proxyProblem(
  { version, revision, completed, ready }: LiveProxy,
  plane: LiveControlPlane | undefined,
  requested: string | undefined,
): string | undefined {
  if (requested !== undefined && requested !== revision) return `the namespace requests ${requested}: restart it`;
  if (!plane) return `there is no control plane ${revision}: restart it`;
  if (!completed) return "no injector has set its image (image: auto)";
  if (version === undefined || plane.version === undefined) return "its version is unknown";
  const order = semver.compare(version, plane.version);
  if (order < 0) return "older than its control plane: restart it";
  if (order > 0) return "newer than its control plane";
  return ready ? undefined : "not ready";
}

function agentProblem({ version }: LiveAgent, planes: readonly LiveControlPlane[]): string | undefined {
  const versions = planes.flatMap((plane) => (plane.version === undefined ? [] : [plane.version]));
  if (version === undefined || versions.length === 0) return "its version is unknown";
  for (const istiod of versions) {
    if (semver.gt(version, istiod)) return `ahead of istiod ${istiod}: it may be behind, never ahead`;
    if (semver.minor(istiod) - semver.minor(version) > 1) return `more than one minor version behind istiod ${istiod}`;
  }
  return undefined;
}

/** By the chart's label first: an image may be named by a digest. Undefined where neither has one. */
function versionOf({ metadata, spec }: LiveObject, container: string): string | undefined {
  const template = spec?.template as { spec?: Record<string, unknown> } | undefined;
  const image = containersOf(template?.spec).find(({ name }) => name === container)?.image;
  return versionIn(metadata.labels?.["app.kubernetes.io/version"]) ?? versionIn(image);
}

/** `1.31.1` of `docker.io/istio/pilot:1.31.1-distroless`. */
function versionIn(text: string | undefined): string | undefined {
  return /(?:^|:)v?(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)[.\d]*)?)/.exec(text ?? "")?.[1];
}
