import { type HttpPort, httpPorts, tlsServerOf } from "../../model/gateways";
import { type PolicyTarget, workloadKey } from "../../model/names";
import { gatewayRoutes, rulesOf } from "../../model/policies/gateway-routes";
import { clusterHost, type MeshService, type PolicyModel } from "../../model/policies/policy-model";
import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import type { SettingPath } from "../../shared/problem";
import { type GatewayWorkload, isHttp, onlyPort } from "../../shared/workload";

/** A rule, and the service whose requests it is for. */
export interface EntryRule {
  readonly rule: HttpRuleSettings;
  readonly path: SettingPath;
  readonly service: MeshService;
}

/** Where one list of rules decides: for a service in the mesh, or for a host at a gateway. */
export interface Entry {
  /** Unique: `reviews`, or `productpage at ingress shop.example.com`. */
  readonly title: string;
  /** What a request that no rule sends elsewhere reaches. */
  readonly service: MeshService;
  /** The setting that its objects are created for. */
  readonly from: SettingPath;
  readonly rules: readonly EntryRule[];
  readonly port: number;
  readonly exposed?: ExposedHost;
}

/** A host at a port of a gateway. */
export interface ExposedHost {
  readonly gateway: GatewayWorkload;
  /** One that clients can name: of a wildcard, an example. */
  readonly host: string;
  readonly port: HttpPort;
  /** Whether a client needs a certificate, which no probe has. */
  readonly needsCertificate: boolean;
}

/** Of every service with rules for clients in the mesh. */
export function meshEntries({ services, names }: PolicyModel): Entry[] {
  return services.flatMap((service): Entry[] => {
    const { meshRules, meshPath, meshPort } = service;
    const port = meshPort ?? onlyPort(service.ports, isHttp) ?? service.ports.find(isHttp)?.port;
    if (meshRules.length === 0 || port === undefined) return [];
    const rules = meshRules.map((rule, index) => ({ rule, path: [...meshPath, index], service }));
    return [{ title: titleOf(service, names.defaultNamespace), service, from: meshPath, rules, port }];
  });
}

/**
 * Of hosts at gateways, except pages of addons, whose pods have no proxy and no policies. By default of the first host of
 * each list of rules, at the first port that serves it.
 */
export function gatewayEntries(
  { services, names }: PolicyModel,
  { everyHost = false, everyPort = false }: { readonly everyHost?: boolean; readonly everyPort?: boolean } = {},
): Entry[] {
  return gatewayRoutes(services).flatMap((route): Entry[] => {
    const [first] = route.parts;
    if (!first || first.exposure.tls || !names.findWorkload(first.service.namespace, first.service.name)) return [];
    const rules = rulesOf(route).map(({ rule, path, part }) => ({ rule, path, service: part.service }));
    const { gateway, path: from } = route;
    const ports = httpPorts(gateway).filter(({ redirects }) => !redirects);
    return (everyPort ? ports : ports.slice(0, 1)).flatMap((port) =>
      (everyHost ? route.hosts : route.hosts.slice(0, 1)).map((host) => ({
        title: `${titleOf(first.service, names.defaultNamespace)} at ${gateway.name} ${host}`,
        service: first.service,
        from,
        rules,
        port: port.number,
        exposed: exposedHost(gateway, host, port),
      })),
    );
  });
}

function exposedHost(gateway: GatewayWorkload, host: string, port: HttpPort): ExposedHost {
  const mode = port.encrypted && gateway.tls ? tlsServerOf(gateway.tls, host)?.mode : undefined;
  return { gateway, host: concreteHost(host), port, needsCertificate: mode === "MUTUAL" };
}

/** A host that a client may call. */
export function concreteHost(host: string): string {
  return host === "*" ? "talos-mesh-probe.test" : host.replace(/^\*/, "talos-mesh-probe");
}

export function titleOf({ name, namespace }: { name: string; namespace: string }, usual: string | undefined): string {
  return namespace === usual ? name : `${namespace}/${name}`;
}

/** What authorizes a request to the entry: the workload, and before it the gateway. */
export function targetsOf({ names }: PolicyModel, { service, exposed, rules }: Entry): PolicyTarget[] {
  const services = [service, ...rules.map((one) => one.service)];
  const all = [
    ...services.map(workloadKey),
    ...(exposed ? [`${exposed.gateway.namespace}/${exposed.gateway.name}`] : []),
  ];
  return [...new Set(all)].flatMap((key) => names.findTarget(key) ?? []);
}

/** What clients in the mesh may call a service, the host that resolves everywhere first. */
export function hostNames(service: MeshService): string[] {
  const { name, namespace } = service;
  return [clusterHost(service), `${name}.${namespace}.svc`, `${name}.${namespace}`, name];
}
