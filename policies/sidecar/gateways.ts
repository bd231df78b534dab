import type { KubernetesObject } from "../../components/shared/kubernetes-object";
import type { GatewayTls, GatewayWorkload } from "../../components/shared/workload";
import type { ResolvedModel } from "../resolve/resolved";
import { type IstioSpecs, istioObject } from "./istio-object";

type Server = NonNullable<IstioSpecs["Gateway"]["servers"]>[number];

/**
 * One `Gateway` for each gateway that offers something, in the gateway's own namespace, so that it holds also where
 * istiod scopes gateways to their namespace. Hosts carry the namespace of the service that owns them
 * (`bookinfo/bookinfo.example.com`): a VirtualService of another namespace cannot take the name over.
 *
 * https://istio.io/latest/docs/reference/config/networking/gateway/#Server
 */
export function compileGateways(model: ResolvedModel): KubernetesObject<IstioSpecs["Gateway"]>[] {
  const hosts = new Map<GatewayWorkload, string[]>(model.gateways.map((gateway) => [gateway, []]));
  for (const service of model.services) {
    for (const offer of service.offers) {
      hosts.get(offer.gateway)?.push(...offer.hosts.map((host) => `${service.namespace}/${host}`));
    }
  }
  return [...hosts].flatMap(([gateway, names]) => (names.length > 0 ? [gatewayObject(gateway, names)] : []));
}

/** Full name of a gateway's `Gateway`, as a VirtualService of any namespace refers to it. */
export function gatewayReference(gateway: GatewayWorkload): string {
  return `${gateway.namespace}/${gateway.name}`;
}

function gatewayObject(gateway: GatewayWorkload, names: readonly string[]): KubernetesObject<IstioSpecs["Gateway"]> {
  const hosts = [...names].sort();
  return istioObject(
    "Gateway",
    { namespace: gateway.namespace, name: gateway.name },
    {
      selector: { ...gateway.selector },
      servers: [plainServer(gateway, hosts), ...(gateway.tls ? [tlsServer(gateway, gateway.tls, hosts)] : [])],
    },
  );
}

// Envoy is configured by the port of the Service, not by the port the container listens on.
function plainServer({ ports, tls }: GatewayWorkload, hosts: string[]): Server {
  return {
    port: { number: ports.http2 ?? 80, name: "http", protocol: "HTTP" },
    hosts,
    ...(tls?.httpsRedirect && { tls: { httpsRedirect: true } }),
  };
}

/** Versions of TLS are left to Istio, whose least is 1.2. */
function tlsServer({ ports }: GatewayWorkload, { mode, credentialName }: GatewayTls, hosts: string[]): Server {
  return {
    port: { number: ports.https ?? 443, name: "https", protocol: mode === "PASSTHROUGH" ? "TLS" : "HTTPS" },
    hosts,
    tls: { mode, ...(mode !== "PASSTHROUGH" && { credentialName }) },
  };
}
