import { asTree, isTree, type Tree, treesIn } from "../../components/shared/merge";
import { accessRules } from "./access";
import {
  canonical,
  defaultNamespace,
  fullName,
  gatewayName,
  rootNamespace,
  sorted,
  text,
  texts,
  without,
} from "./canonical";
import type { Manifest } from "./corpus";
import { effectiveRules, type Fact, Routing } from "./routing";

export interface MeaningContext {
  /** Port numbers of Services by their full name. */
  readonly ports: ReadonlyMap<string, readonly number[]>;
}

/**
 * What objects of Istio and Gateway API mean, as a sorted list of facts: objects with the same facts have the same effect.
 * Names, the division of rules into objects, and defaults that are written out make no difference.
 */
export function meaningOf(manifests: readonly Manifest[], { ports }: MeaningContext = { ports: new Map() }): string[] {
  const routing = new Routing(manifests, ports);
  const facts = new Map<string, string[]>();
  for (const manifest of manifests) {
    for (const [key, ...values] of factsOf(manifest, routing)) {
      facts.set(key, [...(facts.get(key) ?? []), ...values.map(canonical)]);
    }
  }
  return [...facts]
    .flatMap(([key, values]) => {
      if (key.startsWith("route ")) return [`${key} = ${effectiveRules(values).join("; ")}`];
      // Routes name the labels of their subsets: what else a DestinationRule defines next to them has no effect.
      if (key.startsWith("subset ") && routing.isRouted(key.split(" ")[1] ?? "")) return [];
      return [...new Set(values)].map((value) => `${key} = ${value}`);
    })
    .sort();
}

function factsOf(manifest: Manifest, routing: Routing): Iterable<Fact> {
  switch (manifest.kind) {
    case "VirtualService":
      return routing.virtualService(manifest);
    case "HTTPRoute":
    case "GRPCRoute":
    case "TCPRoute":
    case "TLSRoute":
      return routing.route(manifest);
    case "DestinationRule":
      return destinationRule(manifest);
    case "Gateway":
      return servers(manifest);
    case "K8sGateway":
      return listeners(manifest);
    case "ServiceEntry":
      return externalHosts(manifest);
    default:
      return targetsOf(manifest).flatMap((target) => [...policy(target, manifest)]);
  }
}

/** A policy for a target. */
function policy(target: string, { kind, annotations, spec }: Manifest): Iterable<Fact> {
  switch (kind) {
    case "AuthorizationPolicy": {
      const { action = "ALLOW", provider, rules } = spec;
      const how = annotations["istio.io/dry-run"] === "true" ? "dry run " : "";
      const cases = accessRules(treesIn(rules));
      const key = `authorization ${how}${text(action)} ${target}`;
      return [[key, ...(provider ? [provider] : []), ...(cases.length > 0 ? cases : ["nothing"])]];
    }
    case "RequestAuthentication": {
      const forwarding = (rule: Tree) => ({ ...rule, forwardOriginalToken: rule.forwardOriginalToken || undefined });
      return [[`tokens ${target}`, ...treesIn(spec.jwtRules).map(forwarding)]];
    }
    case "PeerAuthentication": {
      const ports = Object.entries(asTree(spec.portLevelMtls)).map(
        ([port, mtls]) => [port, asTree(mtls).mode] as const,
      );
      return [[`mtls ${target}`, { mode: asTree(spec.mtls).mode, ports: Object.fromEntries<unknown>(ports) }]];
    }
    case "Telemetry":
      return telemetry(target, spec);
    case "Sidecar": {
      const listeners = treesIn(spec.egress).map((listener) => ({ ...listener, hosts: sorted(texts(listener.hosts)) }));
      return [[`Sidecar ${target}`, { ...without(spec, "workloadSelector"), egress: listeners }]];
    }
    case "EnvoyFilter":
      return [[`envoyfilter ${target}`, ...treesIn(spec.configPatches)]];
    default:
      return [[`${kind} ${target}`, without(spec, "selector", "workloadSelector", "targetRef", "targetRefs")]];
  }
}

function* telemetry(target: string, spec: Tree): Iterable<Fact> {
  yield [`access log ${target}`, ...treesIn(spec.accessLogging)];
  yield [`tracing ${target}`, ...treesIn(spec.tracing)];
  for (const one of treesIn(spec.metrics)) {
    const overrides = treesIn(one.overrides).map(({ match, ...override }) => {
      return { match: { mode: "CLIENT_AND_SERVER", metric: "ALL_METRICS", ...asTree(match) }, ...override };
    });
    yield [`metrics ${target} ${canonical(without(one, "overrides"))}`, ...(overrides.length > 0 ? overrides : [{}])];
  }
}

function* destinationRule({ namespace, spec }: Manifest): Iterable<Fact> {
  const host = fullName(spec.host, namespace);
  const only = [spec.exportTo, spec.workloadSelector].filter((one) => one !== undefined).map(canonical);
  const key = ["policy", host, ...only].join(" ");
  if (isTree(spec.trafficPolicy)) yield [key, trafficPolicy(spec.trafficPolicy, host)];
  for (const { name, labels, trafficPolicy: policy } of treesIn(spec.subsets)) {
    yield [`subset ${host} ${text(name)}`, labels ?? {}];
    // The policy of one without labels is a fact of the routes that lead to it.
    if (labels !== undefined && isTree(policy)) yield [`${key} ${canonical(labels)}`, trafficPolicy(policy, host)];
  }
}

function trafficPolicy({ portLevelSettings, loadBalancer, tls, ...policy }: Tree, host: string): Tree {
  const { localityLbSetting, ...balancer } = asTree(loadBalancer);
  const { enabled, ...locality } = asTree(localityLbSetting);
  const located = enabled === false ? { ...locality, enabled } : locality;
  const balanced = Object.keys(located).length > 0 ? { ...balancer, localityLbSetting: located } : balancer;
  const ports = treesIn(portLevelSettings).map(
    ({ port, ...settings }) => [text(asTree(port).number), trafficPolicy(settings, host)] as const,
  );
  return {
    ...policy,
    tls: isTree(tls) ? clientTls(tls, host) : undefined,
    loadBalancer: Object.keys(balanced).length > 0 ? balanced : undefined,
    ports: ports.length > 0 ? Object.fromEntries(ports) : undefined,
  };
}

/** Without sni, istiod has the proxy name the host, and check the certificate for that name. */
function clientTls(tls: Tree, host: string): Tree {
  const isDefault = tls.sni === host && canonical(tls.subjectAltNames) === canonical([host]);
  return isDefault && tls.mode !== "ISTIO_MUTUAL" ? without(tls, "sni", "subjectAltNames") : tls;
}

function* servers({ spec }: Manifest): Iterable<Fact> {
  const gateway = gatewayName(Object.values(asTree(spec.selector))[0]);
  for (const { port, hosts, tls } of treesIn(spec.servers)) {
    const { number, protocol } = asTree(port);
    const name = text(protocol).toUpperCase();
    for (const host of texts(hosts)) {
      // The namespace in front only says who may claim the host. https with PASSTHROUGH is TLS.
      const key = `server ${gateway} ${text(number)} ${host.replace(/^.*\//, "")}`;
      yield [key, { protocol: name === "HTTPS" && asTree(tls).mode === "PASSTHROUGH" ? "TLS" : name, tls }];
    }
  }
}

function* listeners({ name: gateway, namespace = defaultNamespace, labels, spec }: Manifest): Iterable<Fact> {
  if (spec.gatewayClassName === "istio-waypoint") {
    const ports = treesIn(spec.listeners).map(({ port, protocol }) => ({ port, protocol }));
    yield [`waypoint ${namespace}`, { for: labels["istio.io/waypoint-for"] ?? "service", ports }];
    return;
  }
  for (const { port, protocol, hostname = "*", tls, allowedRoutes } of treesIn(spec.listeners)) {
    const { from = "Same", selector } = asTree(asTree(allowedRoutes).namespaces);
    const { "kubernetes.io/metadata.name": one = selector } = asTree(asTree(selector).matchLabels);
    const routesOf = from === "Same" ? namespace : from === "All" ? "*" : one;
    const secured = isTree(tls) ? { mode: "Terminate", ...tls } : undefined;
    const key = `listener ${gatewayName(gateway)} ${text(port)} ${text(hostname)}`;
    yield [key, { class: spec.gatewayClassName, protocol, tls: secured, routesOf }];
  }
}

function* externalHosts({ spec }: Manifest): Iterable<Fact> {
  const ports = treesIn(spec.ports).map(({ number, protocol, targetPort = number }) => {
    // Istio treats HTTPS and TLS alike here. Source: istio/istio, pkg/config/protocol, IsTLS.
    return { number, protocol: text(protocol).toUpperCase().replace("HTTPS", "TLS"), targetPort };
  });
  const addresses = spec.addresses === undefined ? undefined : sorted(texts(spec.addresses));
  const defaults = { resolution: "NONE", location: "MESH_EXTERNAL" };
  for (const host of texts(spec.hosts)) {
    yield [`external ${host}`, { ...defaults, ...without(spec, "hosts"), addresses, ports: sorted(ports) }];
  }
}

/** What a policy is for: pods, a gateway, a Service at its waypoint, a namespace or the mesh. */
function targetsOf({ namespace = defaultNamespace, spec }: Manifest): string[] {
  const refs = isTree(spec.targetRef) ? [spec.targetRef] : treesIn(spec.targetRefs);
  if (refs.length > 0) {
    return refs.map(({ kind, name }) => {
      if (kind !== "Gateway") return `${text(kind)} ${fullName(name, namespace)}`;
      return /^(?:default|(?:.*-)?waypoint)$/.test(text(name))
        ? `waypoint ${namespace}`
        : `gateway ${gatewayName(name)}`;
    });
  }
  const { matchLabels, labels = matchLabels } = asTree(spec.selector ?? spec.workloadSelector);
  if (!isTree(labels) || Object.keys(labels).length === 0) {
    return [namespace === rootNamespace ? "mesh" : `namespace ${namespace}`];
  }
  const { istio, app, "gateway.networking.k8s.io/gateway-name": gateway = istio ?? app } = labels;
  const isGateway = gateway !== app || /^istio-.*gateway$/.test(text(app));
  return [isGateway ? `gateway ${gatewayName(gateway)}` : `pods ${namespace} ${canonical(labels)}`];
}
