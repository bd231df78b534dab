import { treesIn } from "../../../components/shared/merge";
import { istioGateway, outsideDev, type StackGuardrail } from "../guardrail";
import { type GuardedObject, isOpenHost, objectsIn, stringIn, stringsIn, valueAt } from "../resources";

const gateway = (host: string) =>
  istioGateway([{ port: { number: 443, name: "https", protocol: "HTTPS" }, hosts: [host] }]);

const remedy = "name the hosts (talos-mesh:traffic.services[].hosts)";

export const noWildcardHosts: StackGuardrail = {
  id: "no-wildcard-hosts",
  title: "Gateways and routes name their hosts outside dev",
  why: "A gateway for every host answers for names that are not yours, and a new route can take over traffic of another.",
  severity: outsideDev,
  sees: "Gateways and VirtualServices of Istio's API; Gateways and routes of the Gateway API. `*.example.com` is a name, `*` and `*.com` are not.",
  scope: "stack",
  *check(resources) {
    for (const resource of objectsIn(resources, "Gateway", "networking.istio.io")) {
      for (const [index, { hosts }] of treesIn(resource.spec.servers).entries()) {
        // A host may have the namespace of its routes in front.
        const open = stringsIn(hosts).find((host) => isOpenHost(host.split("/").at(-1)));
        if (open !== undefined) yield { resource, message: `spec.servers[${index}] is for host ${open}; ${remedy}` };
      }
    }
    for (const resource of objectsIn(resources, "VirtualService")) {
      const open = stringsIn(resource.spec.hosts).find(isOpenHost);
      if (open !== undefined) yield { resource, message: `is for host ${open}; ${remedy}` };
    }
    yield* gatewayApi(objectsIn(resources, undefined, "gateway.networking.k8s.io"));
  },
  passing: { resources: [gateway("bookinfo/bookinfo.example.com")] },
  failing: { resources: [gateway("bookinfo/*")] },
};

/** A listener without a host takes the hosts of its routes. */
function* gatewayApi(objects: readonly GuardedObject[]) {
  const openGateways = new Set<string>();
  for (const resource of objects.filter(({ kind }) => kind === "Gateway")) {
    for (const listener of treesIn(resource.spec.listeners).filter(({ protocol }) => isByHost(protocol))) {
      if (!isOpenHost(stringIn(listener, "hostname"))) continue;
      openGateways.add(`${resource.namespace}/${resource.objectName}`);
      const from = valueAt(listener, "allowedRoutes.namespaces.from") ?? "Same";
      if (from === "Same") continue;
      const name = stringIn(listener, "name") ?? "";
      yield {
        resource,
        message: `listener ${name} is for every host, and open to routes of other namespaces; ${remedy}`,
      };
    }
  }
  for (const resource of objects.filter(({ kind }) => kind.endsWith("Route"))) {
    const hosts = stringsIn(resource.spec.hostnames);
    const takesAny = hosts.length === 0 || hosts.some(isOpenHost);
    const parent = treesIn(resource.spec.parentRefs).find(
      ({ kind = "Gateway", namespace = resource.namespace, name }) =>
        kind === "Gateway" && openGateways.has(`${String(namespace)}/${String(name)}`),
    );
    if (takesAny && parent)
      yield { resource, message: `takes every host of Gateway ${String(parent.name)}; ${remedy}` };
  }
}

/** TCP has no hosts, and HBONE is what waypoints speak. */
function isByHost(protocol: unknown): boolean {
  return protocol === "HTTP" || protocol === "HTTPS" || protocol === "TLS";
}
