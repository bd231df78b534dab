import { compilers } from "../../policies/compile";
import { settingOf } from "../../policies/api-objects";
import { configuredApplications } from "../apps/registry";
import type { Model } from "../model/model";
import { workloadKey } from "../model/names";
import { exportIncludes } from "../model/policies/external-services";
import { clusterHost, gatewayObject, isIstioGateway } from "../model/policies/policy-model";
import { suggestion } from "../settings/wording";
import { rootNamespace } from "../shared/istio";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { own } from "../shared/own";
import { asTree, isTree, type Tree, treesIn } from "../shared/merge";
import { type Problem, type Refusal, type SettingPath, shortPath } from "../shared/problem";
import { runChecks } from "../shared/unknown";
import type { GatewayWorkload } from "../shared/workload";
import { type Check, problemsOfEach } from "./check";
import { selectsPods } from "./policies/written-objects";

type RawObject = NonNullable<Model["settings"]["objects"]>[number];

/** Objects of `talos-mesh:objects` that other settings contradict, or that have no effect next to them. */
export const rawObjectChecks: readonly Check[] = [
  (model) =>
    problemsOfEach(
      model.settings.objects,
      ["objects"],
      withoutRules,
      (object) => serviceEntry(object, model),
      (object) => secondSidecar(object, model),
      (object) => unknownApp(object, model),
    ),
  ownedHosts,
  unknownGateways,
];

/** Source: istio/istio, pkg/config/validation, ValidateAuthorizationPolicy; an ALLOW without rules denies everything. */
function withoutRules({ kind, spec }: RawObject): Refusal {
  const { action: found } = spec;
  if (kind !== "AuthorizationPolicy" || typeof found !== "string" || found === "ALLOW") return undefined;
  return (
    listIn(spec, "rules").length === 0 && {
      spec: {
        rules: `missing; a policy of action ${found} without rules matches no request; rules: [{}] matches every one`,
      },
    }
  );
}

/** The Sidecars that settings create select the hosts which their workloads may reach; waypoints have rules for each. */
function serviceEntry({ kind, metadata, spec }: RawObject, { policies }: Model): Refusal {
  const { egress, sidecarScoping, workloads, defaultDenyNamespaces } = policies;
  const { namespace = "" } = metadata;
  if (kind !== "ServiceEntry" || !(egress ?? sidecarScoping)) return undefined;
  const meshed = workloads.filter(({ dataPlane }) => dataPlane !== "none");
  const sidecars = meshed.filter(({ dataPlane }) => dataPlane === "sidecar");
  const exportTo = spec.exportTo === undefined ? undefined : listIn(spec, "exportTo");
  const inRoot =
    namespace === rootNamespace && sidecars.some((one) => exportIncludes(exportTo, namespace, one.namespace));
  if (egress) {
    if (meshed.length === 0 || leadsIntoCluster(spec)) return undefined;
    const remedy = "describe it in traffic.externalServices, and name its hosts in security.egress.allow";
    const ofCluster = listIn(spec, "hosts").map(String).find(isOfCluster);
    // The Sidecars select the services of the cluster by their names.
    if (ofCluster !== undefined) {
      return `${ofCluster} is a name of the cluster, open to every workload, and may lead out of it, so that security.egress would not hold; give it another name, ${remedy}`;
    }
    // ztunnel reads every ServiceEntry.
    if (inRoot || sidecars.length < meshed.length) {
      const clients = inRoot ? `a ServiceEntry of namespace ${namespace} is open` : "ztunnel opens it";
      return `${clients} to every workload, so that security.egress would not hold; ${remedy}`;
    }
    return namespace !== rootNamespace && `hidden from every workload by the Sidecars of security.egress; ${remedy}`;
  }
  const isOpen = sidecars.some((one) => one.namespace === namespace) && !defaultDenyNamespaces.has(namespace);
  if (sidecars.length === 0 || isOpen || namespace === rootNamespace) return undefined;
  return "hidden from every workload by the Sidecars of mesh.sidecarScoping; describe it in traffic.externalServices";
}

/** A name of the cluster proves nothing where other addresses are behind it: endpoints, or those that the client chooses. */
function leadsIntoCluster(spec: Tree): boolean {
  const names = [...listIn(spec, "hosts"), ...treesIn(spec.endpoints).map(({ address }) => address)].map(String);
  const isResolved = typeof spec.resolution === "string" && spec.resolution !== "NONE";
  return isResolved && !spec.workloadSelector && names.every(isOfCluster);
}

function isOfCluster(host: string): boolean {
  return host.endsWith(".svc.cluster.local");
}

/** Of two Sidecars that select a pod, Istio takes one. Source: pilot/pkg/model/push_context.go, doGetSidecarScope. */
function secondSidecar({ kind, metadata: { namespace }, spec }: RawObject, { policies }: Model): Refusal {
  const { egress, sidecarScoping, workloads } = policies;
  if (kind !== "Sidecar" || !(egress ?? sidecarScoping)) return undefined;
  const { labels } = asTree(spec.workloadSelector);
  const selected = workloads.find(
    (one) => one.dataPlane === "sidecar" && one.namespace === namespace && selectsPods(asTree(labels), one),
  );
  if (!selected) return undefined;
  const setting = egress ? "security.egress" : "mesh.sidecarScoping";
  return {
    spec: {
      workloadSelector: `selects ${selected.name}, for which ${setting} has a Sidecar, and Istio takes one of the two; remove it, or ${setting}`,
    },
  };
}

/** In a namespace with the pods of an application of this program, and maybe a gateway, all labels `app` are known. */
function unknownApp({ metadata: { namespace = "" }, spec }: RawObject, { settings, names }: Model): Refusal {
  if (!configuredApplications(settings).some((one) => one.settings.namespace === namespace)) return undefined;
  if (names.objects.gateways.some((gateway) => gateway.namespace === namespace)) return undefined;
  const known = names.workloads
    .filter((one) => one.namespace === namespace)
    .map(({ labels }) => own(labels, "app") ?? "");
  const refusalOf = (labels: unknown) => {
    const { app } = asTree(labels);
    if (typeof app !== "string" || known.includes(app)) return undefined;
    return { app: `found ${app}, which no pod of namespace ${namespace} has; ${suggestion(app, known)}` };
  };
  return {
    spec: {
      selector: { matchLabels: refusalOf(asTree(spec.selector).matchLabels) },
      workloadSelector: { labels: refusalOf(asTree(spec.workloadSelector).labels) },
    },
  };
}

/** A VirtualService at a Gateway that does not exist configures no proxy, and Istio reports nothing. */
function unknownGateways({ policies, settings, names }: Model): Iterable<Problem> {
  const { gateways } = names.objects;
  const existing = gateways.filter((one) => one.foreign && isIstioGateway(one)).map(gatewayObject);
  // Only where a VirtualService names one of ours: most stacks write none out.
  let known: readonly string[] | undefined;
  const knownGateways = () =>
    (known ??= [...compilers.flatMap((compile) => compile(policies)), ...(settings.objects ?? [])]
      .flatMap((object) => (isGateway(object) ? object.metadata : []))
      .concat(existing)
      .map(({ namespace = "", name }) => workloadKey({ namespace, name })));
  const own = new Set([
    rootNamespace,
    ...configuredApplications(settings).map((one) => one.settings.namespace),
    ...gateways.filter(({ foreign }) => !foreign).map(({ namespace }) => namespace),
  ]);
  return problemsOfEach(settings.objects, ["objects"], ({ kind, metadata, spec }) => {
    if (kind !== "VirtualService") return undefined;
    const refusals = listIn(spec, "gateways").map((given) => {
      const full = fullGateway(String(given), metadata.namespace);
      const [namespace = "", name = ""] = full.split("/");
      const meant = gateways.find((one) => one.name === name);
      // Others may have Gateways in namespaces of theirs.
      const isOwn = own.has(namespace) || (meant !== undefined && full !== given);
      if (full === "mesh" || !isOwn) return undefined;
      const gatewayKeys = knownGateways();
      return (
        !gatewayKeys.includes(full) &&
        `found ${String(given)}; no Gateway ${full}; ${gatewayHint(full, meant, gatewayKeys)}`
      );
    });
    return { spec: { gateways: refusals } };
  });
}

function gatewayHint(full: string, meant: GatewayWorkload | undefined, known: readonly string[]): string {
  if (!meant) return suggestion(full, known);
  const key = workloadKey(gatewayObject(meant));
  if (known.includes(key)) return `did you mean ${key}?`;
  if (!isIstioGateway(meant)) return `${meant.name} is configured by Gateway API; write an HTTPRoute`;
  return `gateway ${meant.name} has one for the hosts that traffic.services exposes; expose them there, or write a Gateway under talos-mesh:objects`;
}

function isGateway({ apiVersion, kind }: Pick<KubernetesObject, "apiVersion" | "kind">): boolean {
  return kind === "Gateway" && apiVersion.startsWith("networking.istio.io/");
}

/** Two routes, or two traffic policies, for one host: Istio joins them in no documented order, or ignores one. */
function* ownedHosts({ policies, settings }: Model): Iterable<Problem> {
  const compiled: { readonly object: KubernetesObject; readonly from: SettingPath }[] = [];
  // Where a part is unknown, what it becomes is.
  for (const object of runChecks(...compilers.map((compile) => () => compile(policies)))) {
    compiled.push({ object, from: settingOf(object) });
  }
  const owners = new Map<string, SettingPath>();
  for (const { object, from } of compiled) for (const key of hostKeys(object)) owners.set(key, from);
  yield* problemsOfEach(settings.objects, ["objects"], (object) => {
    if (object.spec.workloadSelector !== undefined) return undefined;
    return hostKeys(object).map((key) => {
      const from = owners.get(key);
      const [, host = ""] = key.split(" ");
      return (
        from &&
        `${object.kind} for ${host}, which ${shortPath(from)} has as well; write its fields there, or remove one of them`
      );
    });
  });
  const all = [...compiled.map(({ object }) => object), ...(settings.objects ?? [])];
  const services = new Set(policies.workloads.map(clusterHost));
  const subsets = new Map<string, Set<string>>();
  for (const object of all.filter(({ kind }) => kind === "DestinationRule")) {
    const spec = asTree(object.spec);
    const host = fullHost(String(spec.host), object.metadata.namespace);
    const named = subsets.get(host) ?? new Set<string>();
    subsets.set(host, named);
    for (const { name } of treesIn(spec.subsets)) named.add(String(name));
  }
  yield* problemsOfEach(settings.objects, ["objects"], (object) => {
    if (object.kind !== "VirtualService") return undefined;
    return destinationsIn(object.spec).map((destination) => {
      const host = fullHost(String(destination.host), object.metadata.namespace);
      const { subset } = destination;
      if (typeof subset !== "string" || !services.has(host) || subsets.get(host)?.has(subset)) return undefined;
      return {
        spec: `routes to subset ${subset} of ${host}, which no DestinationRule declares, so that requests get 503; ${suggestion(subset, [...(subsets.get(host) ?? [])])}`,
      };
    });
  });
}

/** `kind host` and where it applies, for the kinds of which a host has one. */
function hostKeys(object: KubernetesObject): string[] {
  const spec = asTree(object.spec);
  const full = (host: unknown) => fullHost(String(host), object.metadata.namespace);
  if (object.kind === "DestinationRule") return [`DestinationRule ${full(spec.host)}`];
  if (object.kind !== "VirtualService") return [];
  const gateways = spec.gateways === undefined ? ["mesh"] : listIn(spec, "gateways");
  return gateways.flatMap((gateway) =>
    listIn(spec, "hosts").map(
      (host) => `VirtualService ${full(host)} ${fullGateway(String(gateway), object.metadata.namespace)}`,
    ),
  );
}

function fullHost(host: string, namespace = ""): string {
  return host.includes(".") || host === "*" ? host : clusterHost({ name: host, namespace });
}

function fullGateway(gateway: string, namespace = ""): string {
  return gateway === "mesh" || gateway.includes("/") ? gateway : `${namespace}/${gateway}`;
}

function destinationsIn(value: unknown): Tree[] {
  if (Array.isArray(value)) return value.flatMap(destinationsIn);
  if (!isTree(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "destination" && isTree(inner) ? [inner] : destinationsIn(inner),
  );
}

function listIn(spec: Tree, key: string): readonly unknown[] {
  const found = own(spec, key);
  return Array.isArray(found) ? found : [];
}
