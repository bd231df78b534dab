import type { ConfiguredApplication } from "../apps/application";
import { configuredApplications, deployableApplications } from "../apps/registry";
import type { ClusterStack } from "../cluster/kinds";
import type { Model } from "../model/model";
import type { Names, PolicyTarget } from "../model/names";
import { istioSince } from "../settings/versions";
import { listOf, suggestion } from "../settings/wording";
import { expandPath } from "../settings/schema-walk";
import type { Settings } from "../settings/schema";
import { duplicates, type Problem, problemsOf, type Refusal, type SettingPath } from "../shared/problem";
import { isSystemNamespace } from "../shared/istio";
import { checkEach, runChecks } from "../shared/unknown";
import { own } from "../shared/own";
import { hasPods, type Workload } from "../shared/workload";

// What to write a check with:
//   rule, refuse, unique, notEmpty, atMostOne, applicationRule   return a Check of values in the settings, by their path
//   problemsOfEach, problemsAt   return problems, inside a check of one's own
//   ...Refusal, unknown...   return a Refusal of one value

/** What is known of a stack besides its settings. */
export interface CheckContext extends ClusterStack {
  /** Names under `talos-mesh:secrets`. */
  readonly secretNames: ReadonlySet<string>;
  /** The sections as they are given, without defaults. */
  readonly sections: Readonly<Record<string, unknown>>;
}

/**
 * A check yields the problems that it finds. It reads the model as if all of it were valid: reading an invalid
 * part ends the check (components/shared/unknown.ts), so checks are small, and lists are read with `checkEach`.
 */
export type Check = (model: Model, context: CheckContext) => Iterable<Problem>;

/** The type of the values at a path with asterisks. */
type ValueAt<Value, Path extends string> = Path extends `${infer Key}.${infer Rest}`
  ? ValueAt<EntryOf<Value, Key>, Rest>
  : EntryOf<Value, Path>;
type EntryOf<Value, Key> = NonNullable<
  Value extends string
    ? never
    : Value extends readonly (infer Item)[]
      ? Item
      : Key extends keyof Value
        ? Value[Key]
        : Value[keyof Value & Key]
>;

/** A path that the settings have. */
type ExistingPath<Path extends string> = Path &
  (string extends Path ? never : [ValueAt<Settings, Path>] extends [never] ? never : unknown);

type Reader<Path extends string, Result> = (value: ValueAt<Settings, Path>, model: Model, at: SettingPath) => Result;

/** A check of every value at a path such as `gateways.*.tls`. Absent values are not checked. */
export function rule<const Path extends string>(path: ExistingPath<Path>, refusal: Reader<Path, Refusal>): Check {
  return function* (model) {
    for (const [at, value] of expandPath(model.settings, path)) {
      yield* runChecks(() => problemsOf(refusal(value as never, model, at), at));
    }
  };
}

/** A check that refuses every value at a path where `when` is true. */
export function refuse<const Path extends string>(
  path: ExistingPath<Path>,
  when: Reader<Path, boolean | undefined>,
  refusal: Refusal,
): Check {
  return rule(path, (...read) => when(...read) && refusal);
}

/**
 * A check that no two values at a path are the same. `within`: the parent in which values must be unique; default: the
 * whole stack file.
 */
export function unique(path: string, what: string, within = ""): Check {
  return ({ settings }) => {
    const entries = [...expandPath(settings, path)].map(([at, value]) => ({ path: at, key: String(value) }));
    return duplicates(entries, what, within === "" ? 0 : within.split(".").length);
  };
}

/** A check that a mapping has one of several fields. */
export function notEmpty<const Path extends string>(path: ExistingPath<Path>, fields: readonly string[]): Check {
  const message = `expected at least one of: ${fields.join(", ")}`;
  return refuse(path, (given) => fieldsIn(given, fields).length === 0, message);
}

/** A check that a mapping has at most one of several fields. */
export function atMostOne<const Path extends string>(path: ExistingPath<Path>, fields: readonly string[]): Check {
  return rule(path, (given) => {
    const found = fieldsIn(given, fields);
    if (fields.length === 2) return found.length > 1 && `found ${found.join(" and ")}; expected at most one of them`;
    return found.length > 1 && `found ${found.join(", ")}; expected at most one of: ${fields.join(", ")}`;
  });
}

function fieldsIn(given: unknown, fields: readonly string[]): string[] {
  return fields.filter((field) => own(given as Readonly<Record<string, unknown>>, field) !== undefined);
}

/** As `checkEach`, for functions that return a refusal. */
export function problemsOfEach<Value>(
  values: readonly Value[] | Readonly<Record<string, Value>> | undefined,
  path: SettingPath,
  ...refusals: readonly ((value: Value, path: SettingPath) => Refusal)[]
): Iterable<Problem> {
  return checkEach(
    values,
    path,
    ...refusals.map((refusal) => (value: Value, at: SettingPath) => problemsOf(refusal(value, at), at)),
  );
}

/** As `problemsOfEach`, for values that have their own path. */
export function problemsAt<Value extends { readonly path: SettingPath }>(
  values: readonly Value[],
  ...refusals: readonly ((value: Value) => Refusal)[]
): Iterable<Problem> {
  return checkEach(values, [], ...refusals.map((refusal) => (value: Value) => problemsOf(refusal(value), value.path)));
}

/** A check of every application of this program. Keys of a refusal start with the section: `{ bookinfo: { ... } }`. */
export function applicationRule(refusal: (configured: ConfiguredApplication, model: Model) => Refusal): Check {
  return (model) =>
    checkEach(configuredApplications(model.settings), [], (configured) => problemsOf(refusal(configured, model), []));
}

/** Refuses a namespace of Kubernetes or of the mesh, for what this program deploys. */
export function systemNamespaceRefusal(name: string, isCreated: boolean): Refusal {
  const ofTheSystem = isSystemNamespace(name) || (isCreated && name === "default");
  return ofTheSystem && `found ${name}, which belongs to the system; expected one of your own`;
}

/** What to do where something needs the proxies of a namespace that has none. */
export function proxyRemedy(namespace: string): string {
  return isSystemNamespace(namespace)
    ? `${namespace} belongs to the system, and its workloads are destinations of routes and traffic policies only; remove it`
    : `set dataPlane: sidecar for namespace ${namespace} in talos-mesh:mesh.namespaces, or remove it`;
}

/** How hosts outside the mesh get addresses of their own. */
export const allocationRemedy = `set mesh.dnsCapture: true (Istio ${istioSince.addressAllocation} and newer)`;

/** Where one port has requests and connections that Envoy does not read, which no rule can distinguish by port. */
export const sharedPortRemedy =
  "it has requests too, and a rule cannot distinguish the two; use another port for the connections, such as one of extraPorts, or another gateway";

/** Refuses a workload that a match names as the client, and whose proxy would have to apply the rule. */
export function unknownClient(names: Names, namespace: string, client: string): Refusal {
  const workload = names.findWorkload(namespace, client);
  if (!workload) {
    const hint = suggestion(client, names.workloadNames(namespace));
    return `found ${client}; no such workload in namespace ${namespace}; ${hint}`;
  }
  return (
    withoutPods([workload]) ||
    (workload.dataPlane === "none" &&
      `found ${client}, which has no proxy that would apply the rule; ${proxyRemedy(namespace)}`)
  );
}

const deployableKeys = deployableApplications.map(({ name }) => `talos-mesh:${name}`).join(", ");

/** A setting with a field that names a workload, in the namespace of its field `namespace`. */
type Named<Field extends string> = { readonly namespace?: string | undefined } & {
  readonly [Key in Field]?: string | undefined;
};

/** Refuses the name of a workload that does not exist, in a field of a setting with the field `namespace`. */
export function unknownWorkload<Field extends string>(names: Names, setting: Named<Field>, field: Field): Refusal {
  const name: string | undefined = setting[field];
  const namespace = setting.namespace ?? names.defaultNamespace;
  if (name === undefined || (namespace !== undefined && names.findWorkload(namespace, name))) return undefined;
  const known = namespace === undefined ? [] : names.workloadNames(namespace);
  if (namespace === undefined || known.length === 0) {
    return unknownNamespace(names, namespace, setting.namespace === undefined ? field : "namespace");
  }
  return { [field]: `found ${name}; no such workload in namespace ${namespace}; ${suggestion(name, known)}` };
}

/** As `unknownWorkload`, for what a policy applies to (components/model/names.ts, findTarget). */
export function unknownTarget<Field extends string>(names: Names, setting: Named<Field>, field: Field): Refusal {
  const reference: string | undefined = setting[field];
  if (reference === undefined) return undefined;
  const [name = "", inReference] = reference.split("/").reverse();
  const { namespace = inReference ?? names.defaultNamespace } = setting;
  if (setting.namespace !== undefined && (name === "*" || inReference !== undefined)) {
    return { namespace: `found ${setting.namespace}, and ${field} is ${reference}; remove one of the two namespaces` };
  }
  const target = names.findTarget(reference, namespace);
  if (target?.kind === "gateway" && setting.namespace !== undefined && target.namespace !== setting.namespace) {
    return {
      namespace: `found ${setting.namespace}; gateway ${name} is in namespace ${target.namespace}; remove this`,
    };
  }
  if (target) return { [field]: withoutPods(target.workloads, target.kind) };
  const known = namespace === undefined ? [] : names.workloadNames(namespace);
  const named = setting.namespace ?? inReference;
  const gateways = names
    .gatewayNames()
    .filter((gateway) => named === undefined || names.gateway(gateway).namespace === named);
  if (known.length + gateways.length === 0)
    return unknownNamespace(names, namespace, setting.namespace === undefined ? field : "namespace");
  const place = namespace === undefined ? "" : ` in namespace ${namespace}`;
  const what = gateways.length > 0 ? "workload or gateway" : "workload";
  return { [field]: `found ${reference}; no such ${what}${place}; ${suggestion(name, [...known, ...gateways])}` };
}

/** Refuses a Service without selector where a policy is for pods, or for a client. */
export function withoutPods(workloads: readonly Workload[], kind: PolicyTarget["kind"] = "workload"): Refusal {
  const [service] = kind === "workload" ? workloads : [];
  return (
    service &&
    !hasPods(service) &&
    `found ${service.name}, a Service without selector (labels: {}), which has no pods that this could be for; only routes and traffic policies may name it`
  );
}

/** Refuses a setting without the namespace of its objects, in a stack in which no namespace is the default. */
export function missingNamespace(names: Names, { namespace }: { readonly namespace?: string | undefined }): Refusal {
  return (
    namespace === undefined && names.defaultNamespace === undefined && unknownNamespace(names, namespace, "namespace")
  );
}

function unknownNamespace(names: Names, namespace: string | undefined, field: string): Refusal {
  if (namespace === undefined)
    return { namespace: `missing; a stack has a default namespace with ${deployableKeys}, or with one application` };
  const namespaces = listOf(names.workloadNamespaces());
  return {
    [field]: `found ${namespace}; neither ${deployableKeys} nor talos-mesh:applications has a workload in it; known namespaces: ${namespaces}`,
  };
}
