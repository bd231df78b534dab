import { auditProvider, probeHeader, probeProvider } from "../../components/model/mesh-config";
import { type PolicyTarget, targetKey } from "../../components/model/names";
import { policyName, targetPolicyName } from "../../components/model/object-names";
import type { AccessRule, PolicyModel, TelemetryEntry } from "../../components/model/policies/policy-model";
import { grouped } from "../../components/shared/grouped";
import { rootNamespace } from "../../components/shared/istio";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type IstioSpecs, istioObject } from "../api-objects";
import { attachment } from "../attachment";

type Spec = IstioSpecs["Telemetry"];
type AccessLog = NonNullable<Spec["accessLogging"]>[number];
type Trace = NonNullable<Spec["tracing"]>[number];

/**
 * Istio only marks a request that an AUDIT policy matches; a Telemetry writes the marked ones to the access log. Envoy's
 * RBAC filter sets the mark; where it is not set, the expression fails and nothing is logged.
 */
const marked: AccessLog = {
  providers: [{ name: auditProvider }],
  filter: { expression: "metadata.filter_metadata['envoy.common']['access_log_hint'] == true" },
};

/**
 * The requests of verification. It is always there, and costs nothing until a request has the header: to turn it on and off
 * would change every listener, and Envoy closes the connections of a listener that changes.
 */
const probed: AccessLog = {
  providers: [{ name: probeProvider }],
  filter: { expression: `'${probeHeader}' in request.headers` },
};

/**
 * One Telemetry for each target, because Istio reads one alone for a workload, a namespace and the mesh: with its access
 * logs, those of audit rules, metrics and tracing. A narrower target's access logs replace those of wider ones, so it
 * repeats what it does not change.
 *
 * https://istio.io/latest/docs/reference/config/telemetry/
 */
export function telemetries(model: PolicyModel): KubernetesObject<Spec>[] {
  const { accessLogging, metrics, tracing } = model.telemetry;
  const audits = model.accessRules.filter(({ action }) => action === "AUDIT");
  const logs = new AccessLogs(model, audits);
  const [metricsOf, tracingOf] = [byTarget(metrics), byTarget(tracing)];
  const mesh = { path: ["verification"], target: model.names.target("*") };
  const all: readonly Pick<TelemetryEntry, "path" | "target">[] = [
    ...(model.probeLog ? [mesh] : []),
    ...audits,
    ...accessLogging,
    ...metrics,
    ...tracing,
  ];
  return grouped(all, ({ target }) => targetKey(target)).map(([{ path: from, target }]) => {
    const key = targetKey(target);
    const ofMetrics = (metricsOf.get(key) ?? []).map(({ settings }) => written(settings));
    const ofTracing = traces(target, model, tracingOf.get(key) ?? []);
    const ofLogs = logs.of(target);
    return istioObject(
      "Telemetry",
      { namespace: target.namespace, name: nameOf(target, logs.isAudited(target)), from },
      {
        // Waypoints of a namespace read what selects nothing.
        ...(target.kind !== "namespace" && attachment(target)),
        ...(ofLogs.length > 0 && { accessLogging: ofLogs }),
        ...(ofMetrics.length > 0 && { metrics: ofMetrics }),
        ...(ofTracing.length > 0 && { tracing: ofTracing }),
      },
    );
  });
}

/** Deployed objects for audit rules of a workload keep their name. */
function nameOf(target: PolicyTarget, audited: boolean): string {
  if (target.kind === "mesh") return "mesh-default";
  if (target.kind === "workload" && audited) return policyName(target.name ?? "", "audit");
  return targetPolicyName(target, "telemetry");
}

class AccessLogs {
  private readonly entries: ReadonlyMap<string, readonly TelemetryEntry<"accessLogging">[]>;
  private readonly audits: ReadonlyMap<string, readonly AccessRule[]>;
  private readonly ofMeshConfig: readonly AccessLog[];

  private readonly isProbed: boolean;
  private readonly defaultProviders: readonly string[];

  constructor({ telemetry, accessLog, probeLog }: PolicyModel, audits: readonly AccessRule[]) {
    this.entries = byTarget(telemetry.accessLogging);
    this.audits = byTarget(audits);
    this.isProbed = probeLog;
    this.defaultProviders = telemetry.defaultLogs ?? ["envoy"];
    // Any entry takes the place of both, and default providers that of the mesh config's file.
    const { defaultLogs = accessLog ? ["envoy"] : [] } = telemetry;
    this.ofMeshConfig = defaultLogs.length > 0 ? [{ providers: refs(defaultLogs) }] : [];
  }

  isAudited(target: PolicyTarget): boolean {
    return this.audits.has(targetKey(target));
  }

  of(target: PolicyTarget): AccessLog[] {
    const keys = [targetKey(target), ...widerKeys(target)];
    const own = this.entries.get(targetKey(target));
    const isProbed = this.isProbed && target.kind === "mesh";
    if (!own && !this.isAudited(target) && !isProbed) return [];
    const nearest = keys.findIndex((key) => this.entries.has(key));
    const entries = nearest === -1 ? this.ofMeshConfig : this.written(keys.slice(nearest));
    const isMarked = keys.some((key) => this.audits.has(key));
    return [...entries, ...(isMarked ? [marked] : []), ...(this.isProbed ? [probed] : [])];
  }

  /** @param keys of a target and those around it, the narrowest first */
  private written([key = "", ...wider]: readonly string[]): AccessLog[] {
    const inherited = wider.flatMap((one) => this.entries.get(one)?.find(({ settings }) => settings.providers) ?? []);
    const byDefault = inherited[0]?.settings.providers ?? this.defaultProviders;
    const own = (this.entries.get(key) ?? []).map(({ settings }) => settings);
    // What the other entries for the same pods log; `disabled` switches off all of it, in its mode.
    const logged = own.flatMap(({ disabled, providers = byDefault }) => (disabled ? [] : providers));
    return own.map((settings) => {
      const named = settings.disabled && logged.length > 0 ? [...new Set(logged)] : byDefault;
      return written({ ...settings, providers: settings.providers ?? named });
    });
  }
}

/** Around a target, the narrowest first. */
function widerKeys({ kind, namespace }: PolicyTarget): string[] {
  const mesh = targetKey({ kind: "mesh", namespace: rootNamespace });
  if (kind === "mesh") return [];
  return kind === "namespace" ? [mesh] : [targetKey({ kind: "namespace", namespace }), mesh];
}

/** For the mesh, what the settings add to the tracing of an addon. */
function traces(target: PolicyTarget, { telemetry }: PolicyModel, own: readonly TelemetryEntry<"tracing">[]): Trace[] {
  const entries = own.map(({ settings }): Trace => written(settings));
  const { addonTracing } = telemetry;
  if (target.kind !== "mesh" || !addonTracing) return entries;
  const { provider, sampling } = addonTracing;
  const ofAddon: Trace = { providers: refs([provider]), randomSamplingPercentage: sampling };
  const [first, ...others] = entries;
  if (first && !first.match) return [{ ...ofAddon, ...first }, ...others];
  return [ofAddon, ...entries];
}

/** An entry in Istio's form. */
function written<Settings extends { readonly workload: string; readonly providers?: readonly string[] | undefined }>({
  workload,
  providers,
  ...others
}: Settings) {
  void workload; // the target
  return { ...(providers && { providers: refs(providers) }), ...others };
}

function refs(names: readonly string[]): { name: string }[] {
  return names.map((name) => ({ name }));
}

function byTarget<Entry extends { readonly target: PolicyTarget }>(entries: readonly Entry[]): Map<string, Entry[]> {
  return new Map(
    grouped(entries, ({ target }) => targetKey(target)).map(([{ target }, all]) => [targetKey(target), all]),
  );
}
