import type { IGateway } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/Gateway" with {
  "resolution-mode": "import",
};
import { stringify } from "yaml";
import type { ExposedHost } from "../model/exposures";
import { type HttpPort, httpPorts, tlsServerOf } from "../model/gateways";
import { listenerName, tcpListenerName } from "../model/object-names";
import type { ConnectionEntrance } from "../model/policies/connection-entrances";
import type { EgressEntrance } from "../model/policies/egress-entrances";
import type { GatewayDeploymentSettings } from "../settings/sections/gateways";
import { digestOf } from "../shared/digest";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { type GatewayWorkload, isHttp, type TlsServer } from "../shared/workload";
import { gatewayOverlays } from "./values/gateway-effects";

type GatewaySpec = IGateway["spec"];
type Listener = NonNullable<GatewaySpec["listeners"]>[number];

interface ListenerSources {
  readonly hosts: readonly ExposedHost[];
  /** Those for which cert-manager answers on port 80, by routes in the gateway's namespace. @default none */
  readonly challenged?: ReadonlySet<string>;
  /** @default none */
  readonly entrances?: readonly EgressEntrance[];
  /** @default none */
  readonly connections?: readonly ConnectionEntrance[];
}

/**
 * istiod deploys the Gateway with the parameters of the ConfigMap.
 * https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/
 *
 * @param revision of the control plane that deploys it. @default the control plane without a revision
 */
export function gatewayApiObjects(
  gateway: GatewayWorkload,
  settings: GatewayDeploymentSettings,
  { revision, ...sources }: ListenerSources & { readonly revision?: string },
) {
  const { name, namespace, service, selector } = gateway;
  const overlays = gatewayOverlays({ settings, selector });
  const data = Object.fromEntries(overlays.map(([kind, overlay]) => [kind, stringify(overlay)]));
  // The name contains a digest of the content, so that a change of the parameters also changes the Gateway, which istiod
  // watches.
  const parametersName = `${service}-${digestOf(data, 8)}`;
  const object: KubernetesObject<GatewaySpec> = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name, namespace, ...(revision !== undefined && { labels: { "istio.io/rev": revision } }) },
    spec: {
      gatewayClassName: "istio",
      infrastructure: {
        // As the chart sets them: alerts and selectors of a user's own objects refer to these labels.
        labels: { ...settings.labels, app: service, istio: name },
        ...(settings.annotations && { annotations: settings.annotations }),
        parametersRef: { group: "", kind: "ConfigMap", name: parametersName },
      },
      listeners: listeners(gateway, sources),
    },
  };
  return { parameters: { metadata: { name: parametersName, namespace }, data }, gateway: object };
}

/**
 * One listener for each host and protocol, and for each port of TCP, open to routes of the namespace whose service is exposed there, so that no other
 * namespace can take the host over. A Gateway needs a listener: without hosts there is one, which answers 404.
 */
function listeners(
  gateway: GatewayWorkload,
  { hosts, challenged = new Set(), entrances = [], connections = [] }: ListenerSources,
): Listener[] {
  const ports = httpPorts(gateway);
  const tcp = connections.filter(({ protocol }) => protocol === "tcp");
  if (hosts.length + entrances.length + tcp.length > 0) {
    return [
      ...ports.flatMap((port) =>
        hosts.flatMap((exposed) => exposedListener(gateway, port, exposed, challenged.has(exposed.host))),
      ),
      ...entrances.map(entranceListener),
      ...tcp.map(tcpListener),
    ];
  }
  const [first] = ports;
  return first ? exposedListener(gateway, first) : [];
}

function exposedListener(
  gateway: GatewayWorkload,
  { name, number, encrypted, redirects }: HttpPort,
  exposed?: ExposedHost,
  isChallenged = false,
): Listener[] {
  const { host = "*", namespace, passthrough = false, http = true } = exposed ?? {};
  const server = encrypted ? serverFor(gateway, exposed) : undefined;
  const passes = server?.mode === "PASSTHROUGH";
  if (encrypted ? !server || (passes && (!passthrough || name !== "https")) : !http && !redirects) return [];
  return [
    {
      name: listenerName(passes ? "tls" : name, host),
      ...(host !== "*" && { hostname: host }),
      port: number,
      ...(passes
        ? { protocol: "TLS", tls: { mode: "Passthrough" } }
        : server
          ? { protocol: "HTTPS", tls: terminate(server) }
          : { protocol: "HTTP" }),
      ...(namespace !== undefined && {
        allowedRoutes: routesOf(namespace, ...(isChallenged && name === "http" ? [gateway.namespace] : [])),
      }),
    },
  ];
}

/** Routes for it are TCPRoutes. */
function tcpListener({ number, namespace }: ConnectionEntrance): Listener {
  return { name: tcpListenerName(number), port: number, protocol: "TCP", allowedRoutes: routesOf(namespace) };
}

function routesOf(namespace: string, ...others: readonly string[]): NonNullable<Listener["allowedRoutes"]> {
  const key = "kubernetes.io/metadata.name";
  const selector =
    others.length === 0
      ? { matchLabels: { [key]: namespace } }
      : { matchExpressions: [{ key, operator: "In" as const, values: [namespace, ...others] }] };
  return { namespaces: { from: "Selector", selector } };
}

/** Clients are in the mesh: the gateway shows them its own certificate of the mesh, and requires theirs. */
function entranceListener({ host, number, port, listener }: EgressEntrance): Listener {
  return {
    name: listener,
    hostname: host,
    port: number,
    protocol: isHttp(port) ? "HTTPS" : "TLS",
    tls: { mode: "Terminate", options: { "gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL" } },
    allowedRoutes: { namespaces: { from: "Same" } },
  };
}

function serverFor({ tls }: GatewayWorkload, exposed: ExposedHost | undefined): TlsServer | undefined {
  return tls && (exposed ? tlsServerOf(tls, exposed.host) : tls.servers[0]);
}

/** A Secret also has `ca.crt`. Gateway API's own field for it is not in the standard channel of every supported release. */
function terminate({ mode, credentialNames, protocol }: TlsServer): NonNullable<Listener["tls"]> {
  const options = {
    ...(mode === "MUTUAL" && { "gateway.istio.io/tls-terminate-mode": "MUTUAL" }),
    ...(protocol?.cipherSuites && { "gateway.istio.io/tls-cipher-suites": protocol.cipherSuites.join(",") }),
  };
  return {
    mode: "Terminate",
    certificateRefs: credentialNames.map((name) => ({ name })),
    ...(Object.keys(options).length > 0 && { options }),
  };
}
