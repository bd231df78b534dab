import { benchmarkNotes } from "./benchmark/plan/plan";
import type { Cluster } from "./cluster/cluster";
import { hasAmbient } from "./model/data-planes";
import { gatewayServicePorts, tlsServerOf, tlsServers } from "./model/gateways";
import { addonNotes, exposedPages } from "./observability/addons/registry";
import { ciliumAnnouncement } from "./platform/products/cilium-load-balancer";
import type { Settings } from "./settings/schema";
import type { ChartSource } from "./shared/chart-source";
import { own } from "./shared/own";

/**
 * The addresses under which the services that a gateway offers answer: `https://host:port` where the gateway, or the
 * service behind it, has TLS, else `http://`; one for each host name, and for `*` the node's own address. Empty where the
 * port that nodes open is left to Kubernetes, and for `*` behind a load balancer without `loadBalancerIP`, whose address only
 * the cluster knows.
 */
export function applicationUrls(
  settings: Pick<Settings, "gateways" | "traffic" | "observability">,
  nodeAddress: string | undefined,
): string[] {
  const pages = exposedPages(() => settings.observability).map((page) => ({
    ...page.settings,
    tls: undefined,
    http: [],
  }));
  const found = [...settings.traffic.services, ...pages].flatMap((service) =>
    service.gateways.flatMap((gateway) => {
      const deployment = own(settings.gateways, gateway);
      // Only its owner knows the ports of a Gateway.
      if (!deployment || (deployment.gateway ?? deployment.gatewayApi) !== undefined) return [];
      const { tls, serviceType, ports, loadBalancerIP } = deployment;
      const servers = tls && tlsServers(gateway, tls).map(({ server }) => server);
      const onNodes = serviceType === "NodePort";
      return service.hosts.flatMap((host) => {
        const server = servers && tlsServerOf({ servers }, host);
        const encrypted = server && (server.mode !== "PASSTHROUGH" || service.tls !== undefined);
        const [scheme, portName] = encrypted ? (["https", "https"] as const) : (["http", "http2"] as const);
        const port = onNodes ? ports[scheme]?.nodePort : gatewayServicePorts(deployment)[portName];
        if (port === undefined) return [];
        const name = host !== "*" ? host : onNodes ? nodeAddress : inUrl(loadBalancerIP);
        return name === undefined ? [] : [`${scheme}://${name}:${port}${firstPath(service.http)}`];
      });
    }),
  );
  return [...new Set(found)].sort();
}

function inUrl(address: string | undefined): string | undefined {
  return address?.includes(":") ? `[${address}]` : address;
}

function firstPath(rules: Settings["traffic"]["services"][number]["http"]): string {
  const uri = rules.find((rule) => rule.match?.[0]?.uri)?.match?.[0]?.uri;
  return uri?.exact ?? uri?.prefix ?? "/";
}

/** What is not measured in this environment, and which parts are not the real ones. */
export function environmentNotes(
  cluster: Pick<Cluster, "simulatedNodes"> & Partial<Pick<Cluster, "cni" | "created">>,
  charts: ChartSource,
  settings: Pick<Settings, "observability" | "benchmark" | "mesh" | "platform">,
): string[] {
  const notes: string[] = [];
  if (cluster.simulatedNodes) {
    notes.push(
      "Nodes are simulated: objects become ready, but no container runs and no traffic flows, so the URLs do not answer.",
      "Not measured: whether each policy has its effect, and what the mesh costs. Both need nodes that run pods.",
    );
  }
  if (charts.kind === "folder" && charts.standIn) {
    const why = "the official repository could not be reached when this environment was first deployed";
    notes.push(`Istio's charts are stand-ins (embedded/charts): ${why}.`);
  }
  if (cluster.cni === "cilium") {
    const ambient = hasAmbient(settings.mesh);
    notes.push(
      cluster.created
        ? `Cilium enforces NetworkPolicies, those of others too.${ambient ? " Of ambient pods they see the tunnel: ingress from the mesh is TCP 15008." : ""}`
        : "Not checked: that the cluster's Cilium has the values that Istio needs, cni.exclusive: false, " +
            `socketLB.hostNamespaceOnly: true${ambient ? ", bpf.masquerade: false" : ""}. ` +
            "See kubectl -n kube-system get configmap cilium-config -o yaml: cni-exclusive, bpf-lb-sock-hostns-only, enable-bpf-masquerade.",
    );
    const announcement = ciliumAnnouncement(settings.platform);
    if (announcement && !cluster.created) {
      const needed =
        announcement === "l2"
          ? "l2announcements.enabled: true, kubeProxyReplacement: true, and a k8sClientRateLimit for a Lease of each Service"
          : "bgpControlPlane.enabled: true";
      notes.push(`Not checked: that the cluster's Cilium announces addresses, by its values ${needed}.`);
    }
  }
  return [...notes, ...addonNotes(settings.observability), ...(cluster.simulatedNodes ? [] : benchmarkNotes(settings))];
}
