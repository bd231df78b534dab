import { isIP } from "node:net";
import { covers } from "../../components/model/gateways";
import { type MeshWorkload, workloadKey } from "../../components/model/names";
import { allowedHosts, allServices, type EgressRule } from "../../components/model/policies/egress";
import { type ExternalService, isExportedTo } from "../../components/model/policies/external-services";
import { hiddenBy } from "../../components/model/policies/known-hosts";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { externalService } from "../../components/settings/sections/external-services";
import { asTree, treesIn } from "../../components/shared/merge";
import { isHttp } from "../../components/shared/workload";
import { isInBlock } from "./conditions";

/** A name or address of a service outside the mesh. */
export interface KnownHost {
  /** Or a wildcard, or a block of addresses. */
  readonly name: string;
  readonly service: ExternalService;
  /** The egress rule that opens it. */
  readonly rule?: EgressRule;
}

/** What the sidecar of a workload knows: with egress rules the hosts that they open for it. */
export function knownToSidecar(model: PolicyModel, client: MeshWorkload): KnownHost[] {
  const { egress } = model;
  if (!egress) {
    const known = [...model.externalServices, ...written(model)].filter((one) => isExportedTo(one, client.namespace));
    const isHidden = ({ namespace, hosts }: ExternalService) =>
      hosts.every((host) => hiddenBy(model.knownHosts, client, { namespace, host }));
    return known.filter((service) => !isHidden(service)).flatMap(namesOf);
  }
  const own = egress.rules.filter(({ workload }) => workloadKey(workload) === workloadKey(client));
  return own.flatMap((rule) =>
    rule.settings.hosts.flatMap((name) => {
      const inline = () => allowedHosts(egress, rule.mode).find((one) => one.host === name && one.rules.includes(rule));
      const service = rule.described.get(name) ?? inline()?.service;
      return service ? [name, ...(service.settings.addresses ?? [])].map((one) => ({ name: one, service, rule })) : [];
    }),
  );
}

/** ztunnel does not read `exportTo`: istio/istio, pilot/pkg/serviceregistry/ambient. */
export function knownToZtunnel(model: PolicyModel): KnownHost[] {
  return [...allServices(model), ...written(model)].flatMap(namesOf);
}

/** The one that names the host, else the longest wildcard or block for it; of several that of the namespace. */
export function findHost(known: readonly KnownHost[], host: string, namespace?: string): KnownHost | undefined {
  const rank = ({ name, service }: KnownHost) =>
    (name === host ? 1000 : name.length) + (service.namespace === namespace ? 0.5 : 0);
  const isMeant = ({ name }: KnownHost) =>
    name === host || covers(name, host) || (isIP(name.split("/")[0] ?? "") !== 0 && isInBlock(name, host));
  return known.filter(isMeant).sort((a, b) => rank(b) - rank(a))[0];
}

/** Whether a name is one outside the mesh; a workload without its namespace has no dot. */
export function isOutside(host: string, model: PolicyModel): boolean {
  return !host.includes("/") && (/[.:]/.test(host) || findHost(knownToZtunnel(model), host) !== undefined);
}

/** Where a client sends a request, if the question names no port. */
export function outsidePort(model: PolicyModel, host: string): number {
  const { ports = [] } = findHost(knownToZtunnel(model), host)?.service ?? {};
  return (ports.find(isHttp) ?? ports[0])?.number ?? 80;
}

function namesOf(service: ExternalService): KnownHost[] {
  return [...service.hosts, ...(service.settings.addresses ?? [])].map((name) => ({ name, service }));
}

/** Every ServiceEntry under `talos-mesh:objects` that the settings could say too. */
function written({ objects, names }: PolicyModel): ExternalService[] {
  return objects.flatMap(({ kind, metadata, spec }, index) => {
    if (kind !== "ServiceEntry") return [];
    const { hosts, addresses, exportTo, resolution, ports } = asTree(spec);
    const settings = externalService.safeParse({
      hosts,
      addresses,
      exportTo,
      resolution,
      ports: treesIn(ports).map(({ number, protocol }) => ({ number, protocol: String(protocol).toUpperCase() })),
    });
    if (!settings.success) return [];
    const { name, namespace = "default" } = metadata;
    const { data } = settings;
    return {
      path: ["objects", index],
      settings: { ...data, trafficPolicy: undefined, subsets: [] },
      name,
      namespace,
      hosts: data.hosts,
      ports: data.ports.map((port) => ({ ...port, name: "" })),
      resolution: data.resolution ?? "NONE",
      waypoint: names.namespaceWaypoint(namespace),
    };
  });
}

export function isWritten({ path }: ExternalService): boolean {
  return path[0] === "objects";
}
