import semver from "semver";
import { defaultRevision } from "../../model/control-planes";
import type { StepContext } from "./context";
import {
  type LiveAgent,
  liveAgents,
  liveBarePods,
  type LiveControlPlane,
  liveControlPlanes,
  liveProxies,
  type LiveProxy,
} from "./live";

/** A proxy beside its control plane. */
export interface ProxyFinding extends LiveProxy {
  /** Version of the control plane that gave it the proxy. */
  readonly controlPlane: string | undefined;
  /** What is to be done about it; undefined where it is as its control plane. */
  readonly problem: string | undefined;
}

export interface AgentFinding extends LiveAgent {
  readonly problem: string | undefined;
}

/** A pod that should have a proxy and has none: it is older than the request, or no injector answered. */
export interface BareFinding {
  readonly namespace: string;
  readonly pod: string;
}

export interface MeshFindings {
  readonly controlPlanes: readonly LiveControlPlane[];
  readonly proxies: readonly ProxyFinding[];
  readonly agents: readonly AgentFinding[];
  readonly bare: readonly BareFinding[];
}

type Server = Pick<StepContext["server"], "list">;

/** Every proxy and agent of a cluster, compared with the control planes that run there. Changes nothing. */
export async function meshFindings(server: Server): Promise<MeshFindings> {
  const [controlPlanes, proxies, agents, bare, asked] = await Promise.all([
    liveControlPlanes(server),
    liveProxies(server),
    liveAgents(server),
    liveBarePods(server),
    askedRevisions(server),
  ]);
  return {
    controlPlanes,
    proxies: proxies.map((proxy) => compared(proxy, controlPlanes, asked.get(proxy.namespace))),
    agents: agents.map((agent) => ({ ...agent, problem: agentProblem(agent, controlPlanes) })),
    bare: bare.filter((pod) => pod.asked ?? asked.has(pod.namespace)).map(({ namespace, pod }) => ({ namespace, pod })),
  };
}

function compared(proxy: LiveProxy, planes: readonly LiveControlPlane[], asked: string | undefined): ProxyFinding {
  const plane = planes.find(({ revision }) => revision === proxy.revision);
  const controlPlane = plane?.version;
  return { ...proxy, controlPlane, problem: proxyProblem(proxy, plane, asked) };
}

function proxyProblem(
  { version, revision, completed, ready }: LiveProxy,
  plane: LiveControlPlane | undefined,
  asked: string | undefined,
): string | undefined {
  if (asked !== undefined && asked !== revision) return `the namespace asks for ${asked}: restart it`;
  if (!plane) return `there is no control plane ${revision}: restart it`;
  if (!completed) return "no injector has completed it (image: auto)";
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

/** The revision that each labelled namespace asks for, tags resolved. */
async function askedRevisions(server: Server): Promise<ReadonlyMap<string, string>> {
  const namespaces = await server.list({ apiVersion: "v1", kind: "Namespace" });
  const tagged = await server.list({ apiVersion: "v1", kind: "Service" }, { labelSelector: "istio.io/tag" });
  const tags = new Map(
    tagged.map(({ metadata: { labels = {} } }) => [labels["istio.io/tag"], labels["istio.io/rev"] ?? defaultRevision]),
  );
  return new Map(
    namespaces.flatMap(({ metadata: { name, labels = {} } }): [string, string][] => {
      if (labels["istio.io/dataplane-mode"] === "ambient") return [];
      const asked = labels["istio-injection"] === "enabled" ? defaultRevision : labels["istio.io/rev"];
      return asked === undefined ? [] : [[name, tags.get(asked) ?? asked]];
    }),
  );
}
