import { type Tree, treesIn } from "../../../components/shared/merge";
import { inProduction, istioGateway, type StackGuardrail } from "../guardrail";
import { type GuardedObject, objectsIn, stringIn } from "../resources";

const gateway = (...servers: readonly Tree[]) =>
  istioGateway(servers.map((server) => ({ hosts: ["bookinfo/bookinfo.example.com"], ...server })));

const http = { name: "http", number: 80, protocol: "HTTP" };
const https = { name: "https", number: 443, protocol: "HTTPS" };

const plainHttp = "serves plain HTTP; set talos-mesh:gateways.<name>.tls, and plainHttp: redirect or closed";

export const ingressTls: StackGuardrail = {
  id: "ingress-tls",
  title: "In production, gateways speak TLS only, 1.2 or newer",
  why: "Plain HTTP, and TLS before 1.2, can be read and changed on the way.",
  severity: inProduction,
  sees: "Servers of Istio's Gateways; HTTP listeners of the Gateway API, by whether their routes redirect. The default is TLS 1.2. Not seen: gateways of others, and TLS that ends at a load balancer before the gateway, which is an exception.",
  scope: "stack",
  *check(resources) {
    for (const resource of objectsIn(resources, "Gateway", "networking.istio.io")) {
      for (const [index, server] of treesIn(resource.spec.servers).entries()) {
        const at = `spec.servers[${index}]`;
        const lowest = stringIn(server, "tls.minProtocolVersion");
        if (lowest === "TLSV1_0" || lowest === "TLSV1_1") {
          yield { resource, message: `${at} accepts ${lowest}; set minProtocolVersion: TLSV1_2, or remove it` };
        }
        const protocol = stringIn(server, "port.protocol");
        const redirects = (server.tls as Tree | undefined)?.httpsRedirect === true;
        if (protocol === "HTTP" && !redirects) yield { resource, message: `${at} ${plainHttp}` };
      }
    }
    yield* plainListeners(objectsIn(resources, undefined, "gateway.networking.k8s.io"));
  },
  passing: {
    resources: [
      gateway(
        { port: http, tls: { httpsRedirect: true } },
        { port: https, tls: { mode: "SIMPLE", credentialName: "bookinfo-example-com", minProtocolVersion: "TLSV1_3" } },
      ),
    ],
  },
  failing: {
    resources: [
      gateway(
        { port: http },
        { port: https, tls: { mode: "SIMPLE", credentialName: "bookinfo-example-com", minProtocolVersion: "TLSV1_0" } },
      ),
    ],
  },
};

function* plainListeners(objects: readonly GuardedObject[]) {
  const routes = objects.filter(({ kind }) => kind === "HTTPRoute" || kind === "GRPCRoute");
  for (const resource of objects.filter(({ kind }) => kind === "Gateway")) {
    for (const { name, protocol } of treesIn(resource.spec.listeners)) {
      if (protocol !== "HTTP") continue;
      const served = routes.find((route) => isAttached(route, resource, name) && !redirectsToHttps(route));
      if (served) yield { resource, message: `listener ${String(name)}, by route ${served.objectName}, ${plainHttp}` };
    }
  }
}

function isAttached(route: GuardedObject, gateway: GuardedObject, listener: unknown): boolean {
  return treesIn(route.spec.parentRefs).some(
    ({ kind = "Gateway", namespace = route.namespace, name, sectionName = listener }) =>
      kind === "Gateway" && namespace === gateway.namespace && name === gateway.objectName && sectionName === listener,
  );
}

function redirectsToHttps({ spec }: GuardedObject): boolean {
  return treesIn(spec.rules).every(({ filters }) =>
    treesIn(filters).some((filter) => stringIn(filter, "requestRedirect.scheme") === "https"),
  );
}
