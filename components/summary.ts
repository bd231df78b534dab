import { benchmarkNotes } from "./benchmark/plan/problems";
import type { Cluster } from "./cluster/cluster";
import { gatewayServicePorts } from "./model/gateways";
import { addonNotes } from "./observability/addons/registry";
import type { Settings } from "./settings/schema";
import { versions } from "./settings/versions";
import type { ChartSource } from "./shared/helm-release";

/** Which cluster this is, in one line. */
export function clusterSummary(cluster: Settings["cluster"]): string {
  switch (cluster.kind) {
    case "embedded": {
      const kubernetes = cluster.kubernetesVersion ?? versions.kubernetes;
      return `${cluster.name}: embedded on this machine, Kubernetes ${kubernetes}, ${nodes(1, cluster.workers)}, simulated`;
    }
    case "existing":
      return `${cluster.name}: existing`;
    case "docker":
      return `${cluster.name}: Talos ${cluster.talosVersion} in containers, Kubernetes ${cluster.kubernetesVersion}, ${nodes(1, cluster.workers)}`;
    case "talos": {
      const controlPlanes = cluster.nodes.filter((node) => node.controlPlane).length;
      const count = nodes(controlPlanes, cluster.nodes.length - controlPlanes);
      return `${cluster.name}: Talos ${cluster.talosVersion}, Kubernetes ${cluster.kubernetesVersion}, ${count}`;
    }
  }
}

function nodes(controlPlanes: number, workers: number): string {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  return `${count(controlPlanes, "control plane")} and ${count(workers, "worker")}`;
}

/**
 * The addresses under which the services that a gateway offers answer: `https://host:port` where the gateway, or the
 * service behind it, has TLS, else `http://`; one for each host name, and for `*` the node's own address. Empty where the
 * port that nodes open is left to Kubernetes, and for `*` behind a load balancer, whose address only the cluster knows.
 */
export function urls(settings: Pick<Settings, "gateways" | "traffic">, nodeAddress: string | undefined): string[] {
  const found = settings.traffic.services.flatMap((service) =>
    service.gateways.flatMap((gateway) => {
      const deployment = settings.gateways[gateway];
      if (!deployment) return [];
      const { tls, serviceType, ports } = deployment;
      const encrypted = tls !== undefined && (tls.mode !== "PASSTHROUGH" || service.tls !== undefined);
      const [scheme, portName] = encrypted ? (["https", "https"] as const) : (["http", "http2"] as const);
      const onNodes = serviceType === "NodePort";
      const port = onNodes ? ports[scheme]?.nodePort : gatewayServicePorts(deployment)[portName];
      if (port === undefined) return [];
      return service.hosts.flatMap((host) => {
        const name = host !== "*" ? host : onNodes ? nodeAddress : undefined;
        return name === undefined ? [] : [`${scheme}://${name}:${port}${firstPath(service.http)}`];
      });
    }),
  );
  return [...new Set(found)].sort();
}

function firstPath(rules: Settings["traffic"]["services"][number]["http"]): string {
  const uri = rules.find((rule) => rule.match?.[0]?.uri)?.match?.[0]?.uri;
  return uri?.exact ?? uri?.prefix ?? "/";
}

/** What a person must know to judge this environment: what was not measured, and what stands in for the real thing. */
export function notes(
  cluster: Pick<Cluster, "simulatedNodes">,
  charts: ChartSource,
  settings: Pick<Settings, "observability" | "benchmark" | "mesh">,
): string[] {
  return [
    ...(cluster.simulatedNodes
      ? [
          "Nodes are simulated: objects become ready, but no container runs and no traffic flows, so the URLs do not answer.",
          "Not measured: whether each policy has its effect, and what the mesh costs. Both need nodes that run pods.",
        ]
      : []),
    ...(charts.kind === "folder" && charts.standIn
      ? [
          "Istio's charts are stand-ins (embedded/charts): the official repository could not be reached when this environment was first deployed.",
        ]
      : []),
    ...addonNotes(settings.observability),
    ...(cluster.simulatedNodes ? [] : benchmarkNotes(settings)),
  ];
}
