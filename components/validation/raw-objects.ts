import { compilers } from "../../policies/compile";
import { settingOf } from "../../policies/api-objects";
import { configuredApplications } from "../apps/registry";
import type { Model } from "../model/model";
import { clusterHost } from "../model/policies/policy-model";
import { suggestion } from "../settings/wording";
import { rootNamespace } from "../shared/istio";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { own } from "../shared/own";
import { asTree, isTree, type Tree, treesIn } from "../shared/merge";
import { type Problem, type Refusal, type SettingPath, shortPath } from "../shared/problem";
import { runChecks } from "../shared/unknown";
import { type Check, problemsOfEach } from "./check";

type RawObject = NonNullable<Model["settings"]["objects"]>[number];

/** Objects of `talos-mesh:objects` that other settings contradict, or that have no effect next to them. */
export const rawObjectChecks: readonly Check[] = [
  (model) =>
    problemsOfEach(
      model.settings.objects,
      ["objects"],
      withoutRules,
      (object) => hiddenServiceEntry(object, model),
      (object) => withoutProxy(object, model),
      (object) => unknownApp(object, model),
    ),
  ownedHosts,
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

/** The Sidecars that settings create select the hosts which their workloads may reach. */
function hiddenServiceEntry({ kind, metadata, spec }: RawObject, { policies }: Model): Refusal {
  const { egress, sidecarScoping, workloads, defaultDenyNamespaces } = policies;
  const { namespace = "" } = metadata;
  const cause = egress ? "security.egress" : sidecarScoping && "mesh.sidecarScoping";
  if (kind !== "ServiceEntry" || cause === undefined || namespace === rootNamespace) return undefined;
  const sidecars = workloads.filter(({ dataPlane }) => dataPlane === "sidecar");
  const isOpen = sidecars.some((one) => one.namespace === namespace) && !defaultDenyNamespaces.has(namespace);
  const inCluster = listIn(spec, "hosts").every((host) => String(host).endsWith(".svc.cluster.local"));
  if (sidecars.length === 0 || (egress ? inCluster : isOpen)) return undefined;
  const rule = egress ? ", and name its hosts in security.egress.allow" : "";
  return `hidden from every workload by the Sidecars of ${cause}; describe it in traffic.externalServices${rule}`;
}

const enforced = [
  "AuthorizationPolicy",
  "EnvoyFilter",
  "PeerAuthentication",
  "RequestAuthentication",
  "Sidecar",
  "Telemetry",
  "WasmPlugin",
];

function withoutProxy({ kind, metadata: { namespace = "" } }: RawObject, { names }: Model): Refusal {
  if (!enforced.includes(kind) || names.workloadNames(namespace).length === 0) return undefined;
  if (names.objects.gateways.some((gateway) => gateway.namespace === namespace)) return undefined;
  const dataPlane = names.dataPlane(namespace);
  const reason =
    dataPlane === "none"
      ? "no proxy meshes the pods of this namespace (data plane none)"
      : dataPlane === "ambient" && (kind === "Sidecar" || kind === "EnvoyFilter")
        ? `ztunnel and waypoints read no ${kind}`
        : undefined;
  return (
    reason !== undefined && {
      metadata: {
        namespace: `found ${namespace}, where ${reason}, so that nothing enforces it; set its dataPlane under mesh.namespaces to sidecar, or remove it`,
      },
    }
  );
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
