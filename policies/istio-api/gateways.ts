import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { GatewayTls, GatewayWorkload } from "../../components/shared/workload";
import type { ResolvedModel } from "../resolve/resolved";
import { type IstioSpecs, istioObject } from "./istio-object";

type Server = NonNullable<IstioSpecs["Gateway"]["servers"]>[number];

/** Hosts of one gateway, sorted, by what the gateway does with their requests. */
interface Hosts {
  /** It reads them: HTTP. */
  readonly read: string[];
  /** It passes TLS on unopened. */
  readonly passedOn: string[];
}

/**
 * One `Gateway` for each gateway that offers something, in the gateway's own namespace, so that it holds also where
 * istiod scopes gateways to their namespace. Hosts carry the namespace of the service that owns them
 * (`bookinfo/bookinfo.example.com`): a VirtualService of another namespace cannot take the name over.
 *
 * https://istio.io/latest/docs/reference/config/networking/gateway/#Server
 */
export function compileGateways(model: ResolvedModel): KubernetesObject<IstioSpecs["Gateway"]>[] {
  return model.gateways.filter(isIstioGateway).flatMap((gateway) => {
    const offers = model.services.flatMap(({ namespace, offers }) =>
      offers.filter((offer) => offer.gateway.name === gateway.name).map((offer) => ({ namespace, ...offer })),
    );
    if (offers.length === 0) return [];
    const hosts = (passedOn: boolean) =>
      offers
        .filter(({ tls }) => (tls !== undefined) === passedOn)
        .flatMap(({ namespace, hosts: names }) => names.map((host) => `${namespace}/${host}`))
        .sort();
    return [gatewayObject(gateway, { read: hosts(false), passedOn: hosts(true) })];
  });
}

/** Whether Istio's API says what a gateway offers; of others HTTPRoutes do (ambient/gateway-routes.ts). */
export function isIstioGateway({ kind = "chart" }: GatewayWorkload): boolean {
  return kind === "chart";
}

/** Full name of a gateway's `Gateway`, as a VirtualService of any namespace refers to it. */
export function gatewayReference(gateway: Pick<GatewayWorkload, "namespace" | "name">): string {
  return `${gateway.namespace}/${gateway.name}`;
}

function gatewayObject(gateway: GatewayWorkload, hosts: Hosts): KubernetesObject<IstioSpecs["Gateway"]> {
  const { tls } = gateway;
  const servers = [
    plainServer(gateway, tls?.httpsRedirect ? [...hosts.read, ...hosts.passedOn].sort() : hosts.read),
    ...(tls ? [tlsServer(gateway, tls, tls.mode === "PASSTHROUGH" ? hosts.passedOn : hosts.read)] : []),
  ];
  return istioObject(
    "Gateway",
    { namespace: gateway.namespace, name: gateway.name },
    // A server without hosts is none.
    { selector: { ...gateway.selector }, servers: servers.filter((server) => server.hosts.length > 0) },
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
