import { isIP } from "node:net";
import { type ExternalService, isExportedTo } from "../../model/policies/external-services";
import { egressLabel } from "../../model/object-names";
import { clusterHost, isIstioGateway, type PolicyModel } from "../../model/policies/policy-model";
import { listOf, suggestion } from "../../settings/wording";
import { duplicates, type Problem, type Refusal, refusalOfEach, shortPath } from "../../shared/problem";
import { firstRepeated } from "../../shared/grouped";
import { rootNamespace } from "../../shared/istio";
import { own } from "../../shared/own";
import { checkEach, runChecks } from "../../shared/unknown";
import { isEncrypted, isHttp } from "../../shared/workload";
import { allocationRemedy, missingNamespace, problemsAt } from "../check";
import { withoutListeners } from "./connection-listeners";
import { ambientExternalService, clientTls, onlyClient } from "./external-proxies";

/**
 * Services outside the mesh that Istio refuses, or whose settings have no effect.
 * Source: istio/istio, pkg/config/validation, ValidateServiceEntry.
 */
export function externalServiceProblems(model: PolicyModel): Iterable<Problem> {
  const { externalServices } = model;
  return runChecks(
    () => problemsAt(externalServices, hosts, addresses, endpoints, dynamicDns, ports, visibility, subsets, rules),
    () =>
      problemsAt(
        externalServices,
        (service) => unknownGateway(service, model),
        ({ settings }) => settings.egressGateway === undefined && missingNamespace(model.names, settings),
        (service) => behindGateway(service, model),
        (service) => places(service, model),
      ),
    () =>
      problemsAt(
        externalServices,
        (service) => onlyClient(service, model),
        (service) => clientTls(service, model),
        (service) => ambientExternalService(service, model),
      ),
    () =>
      duplicates(
        checkEach(externalServices, [], (service) =>
          service.hosts.map((host, index) => ({ path: [...service.path, "hosts", index], key: host })),
        ),
        "host",
      ),
    () => problemsAt(externalServices, sharedTcpPorts(model)),
  );
}

function hosts({ hosts: all, resolution, ports: served, settings: { endpoints: given } }: ExternalService): Refusal {
  const wildcard = all.find((host) => host.startsWith("*"));
  const byName = resolution === "DNS" || resolution === "DNS_ROUND_ROBIN";
  const tcp = served.find((port) => !isHttp(port) && !isEncrypted(port));
  return {
    hosts: [
      all.includes("*") &&
        'found "*", which is every host; expected DNS names, or mesh.outboundTrafficPolicy: ALLOW_ANY',
      byName &&
        !given &&
        wildcard !== undefined &&
        `found ${wildcard}, which resolution ${resolution} cannot resolve; expected names without '*', or resolution NONE or DYNAMIC_DNS`,
      resolution !== "NONE" &&
        all.length > 1 &&
        tcp &&
        `found ${all.length} hosts with ${tcp.protocol} on port ${tcp.number}, which carries no host name; write an entry for each host`,
    ],
  };
}

function addresses({ resolution, settings: { addresses: given = [] } }: ExternalService): Refusal {
  const block = given.find((address) => address.includes("/"));
  if (block === undefined || resolution === "NONE" || resolution === "STATIC") return undefined;
  return {
    addresses: `found ${block} with resolution ${resolution}; a block of addresses needs resolution NONE or STATIC`,
  };
}

function endpoints({ resolution, ports: served, settings }: ExternalService): Refusal {
  const { endpoints: given, workloadSelector } = settings;
  if (given && workloadSelector) return { workloadSelector: "found next to endpoints; expected one of them" };
  const found = given ? "endpoints" : workloadSelector && "workloadSelector";
  if (resolution === "STATIC" && found === undefined)
    return { resolution: "found STATIC without endpoints or workloadSelector, so it has no address; add one of them" };
  if (found !== undefined && (resolution === "NONE" || resolution === "DYNAMIC_DNS"))
    return {
      [found]: `found with resolution ${resolution}, which takes the address from the request; remove one of them`,
    };
  if (workloadSelector && resolution === "DNS_ROUND_ROBIN")
    return {
      resolution: `found ${resolution} with a workloadSelector, which may select several; expected STATIC, or DNS for WorkloadEntries with DNS names`,
    };
  const names = served.map(({ name }) => name);
  return {
    endpoints: [
      resolution === "DNS_ROUND_ROBIN" &&
        given &&
        given.length > 1 &&
        `found ${given.length} with resolution DNS_ROUND_ROBIN, which takes one; use DNS`,
      refusalOfEach(given, (endpoint) => ({
        address:
          resolution === "STATIC" &&
          isIP(endpoint.address) === 0 &&
          `found ${endpoint.address}; resolution STATIC expects IP addresses; use DNS for names`,
        ports: Object.keys(endpoint.ports ?? {}).map(
          (name) => !names.includes(name) && `found ${name}; its ports are named ${listOf(names)}`,
        ),
      })),
    ],
  };
}

function dynamicDns({ resolution, hosts: all, ports: served, settings }: ExternalService): Refusal {
  if (resolution !== "DYNAMIC_DNS") return undefined;
  const named = all.find((host) => !host.startsWith("*"));
  const other = served.find((port) => !isHttp(port) && port.protocol !== "TLS");
  return {
    hosts:
      named !== undefined &&
      `found ${named}; resolution DYNAMIC_DNS is for wildcards; write an entry of its own for it`,
    addresses:
      settings.addresses && "found with resolution DYNAMIC_DNS, which resolves the name of each request; remove them",
    ports: other && `found ${other.protocol}; resolution DYNAMIC_DNS expects one of: HTTP, HTTP2, GRPC, TLS`,
  };
}

function ports({ ports: served }: ExternalService): Refusal {
  const number = firstRepeated(served.map((port) => port.number));
  const name = firstRepeated(served.map((port) => port.name));
  return {
    ports: [
      number !== undefined && `found port ${number} twice; keep one of them`,
      name !== undefined && number === undefined && `found the name ${name} twice; expected a name for each port`,
    ],
  };
}

function visibility({ namespace, settings: { exportTo = [] } }: ExternalService): Refusal {
  const twice = firstRepeated(exportTo.map((to) => (to === "." ? namespace : to)));
  return {
    exportTo: [
      exportTo.includes("*") &&
        exportTo.length > 1 &&
        "found '*' with others; '*' is every namespace, remove the others",
      twice !== undefined && `found ${twice} twice; keep one of them`,
    ],
  };
}

/** Subsets are groups of endpoints by label, which an endpoint that DNS gives does not have. */
function subsets({ settings }: ExternalService): Refusal {
  const { endpoints: given = [], workloadSelector } = settings;
  if (workloadSelector) return undefined;
  return {
    subsets: refusalOfEach(settings.subsets, ({ name, labels }) => {
      const selects = given.some((one) =>
        Object.entries(labels).every(([key, value]) => own(one.labels ?? {}, key) === value),
      );
      return (
        !selects && `${name} selects none of the endpoints, so requests for it get 503; add endpoints with its labels`
      );
    }),
  };
}

function rules({ ports: served, settings: { http } }: ExternalService): Refusal {
  if (http.length === 0 || served.some(isHttp)) return undefined;
  const found = listOf(served.map(({ protocol, number }) => `${protocol} ${number}`));
  return {
    http: `its ports are ${found}, where proxies read no request; expected a port of protocol HTTP, for TLS with trafficPolicy.tls and targetPort: 443`,
  };
}

function unknownGateway({ settings: { egressGateway: name } }: ExternalService, { names }: PolicyModel): Refusal {
  if (name === undefined || names.findGateway(name)) return undefined;
  return { egressGateway: `found ${name}; no such gateway; ${suggestion(name, names.gatewayNames())}` };
}

/** Names that belong to something else, and places with another meaning. */
function places({ hosts: all, namespace }: ExternalService, { workloads, egress }: PolicyModel): Refusal {
  const services = new Set(workloads.map(clusterHost));
  const service = all.find((host) => services.has(host));
  return {
    hosts:
      service !== undefined && `found ${service}, a Service of the cluster; it belongs to talos-mesh:traffic.services`,
    namespace:
      egress !== undefined &&
      namespace === rootNamespace &&
      `found ${namespace}, whose services every workload may reach, so that security.egress would not hold; name another`,
  };
}

/** An egress gateway distinguishes the ports of a host by its own, and connects to the host itself. */
function behindGateway(
  { gateway, ports: served, resolution, hosts: all }: ExternalService,
  model: PolicyModel,
): Refusal {
  if (!gateway) return undefined;
  const http = served.filter(isHttp).length;
  const found = listOf(served.map(({ protocol, number }) => `${protocol} ${number}`));
  return {
    ports:
      (http > 1 || served.length - http > 1) &&
      `found ${found}; an egress gateway serves one port of a host for HTTP, and one for TLS or TCP; write an entry without egressGateway for the others`,
    egressGateway: [
      !isIstioGateway(gateway) && [
        gateway.foreign &&
          `found ${gateway.name}, whose Gateway others deploy, so that this program adds no listeners to it; expected one of kind chart or gateway-api`,
        served.some((port) => !isHttp(port)) &&
          withoutListeners("tls", model, `found ${gateway.name} for a port of TLS or TCP`),
      ],
      (resolution === "NONE" || resolution === "DYNAMIC_DNS") &&
        `found with resolution ${resolution}; a gateway has to resolve the host: name it, or for a wildcard set resolution: DNS and the endpoint that serves all of its names; ` +
          "a forward proxy by SNI takes an EnvoyFilter under talos-mesh:objects",
    ],
    hosts: tooLongForGateway(all),
  };
}

/** A Gateway and a subset are named after each host (`to-...`); both names are DNS labels. */
const longestLabel = 60;

export function tooLongForGateway(all: readonly string[]): Refusal {
  const long = all.find((host) => egressLabel(host).length > longestLabel);
  return long !== undefined && `${long} is too long for an egress gateway, which names a Gateway after it`;
}

/** Without addresses, a proxy takes all connections to a TCP port for one service. */
function sharedTcpPorts(model: PolicyModel) {
  const first = new Map<number, ExternalService>();
  return (service: ExternalService): Refusal => {
    if (service.settings.addresses || hasAllocatedAddress(service, model)) return undefined;
    const messages = service.ports.map((port) => {
      if (isHttp(port) || isEncrypted(port)) return undefined;
      const taken = first.get(port.number) ?? service;
      first.set(port.number, taken);
      if (taken === service) return undefined;
      return (
        `${port.protocol} on port ${port.number} already goes to ${taken.hosts[0]}, at ${shortPath(taken.path)}, ` +
        `and without addresses a proxy cannot distinguish them; add addresses to one of them, or ${allocationRemedy}`
      );
    });
    return { ports: messages };
  };
}

/** Whether the proxies of all clients know it by an address of its own. */
function hasAllocatedAddress(service: ExternalService, { names, addressAllocation }: PolicyModel): boolean {
  const { resolution, hosts } = service;
  if (resolution === "NONE" || hosts.some((host) => host.startsWith("*"))) return false;
  const clients = names.workloadNamespaces().filter((namespace) => isExportedTo(service, namespace));
  const planes = clients.map((namespace) => names.dataPlane(namespace));
  return planes.every((plane) => plane === "none" || addressAllocation.includes(plane));
}
