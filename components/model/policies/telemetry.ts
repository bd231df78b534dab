import { extensionProviders, installedAddons } from "../../observability/addons/registry";
import type { Settings } from "../../settings/schema";
import type { TelemetryProviderKind } from "../../settings/sections/telemetry";
import { rootNamespace } from "../../shared/istio";
import { asTree, treesIn } from "../../shared/merge";
import { entryReaders } from "../../shared/unknown";
import { auditProvider, probeProvider } from "../mesh-config";
import type { AddonTracing, TelemetryKind, TelemetryProvider } from "./policy-model";

/** Source: istio/istio, pilot/pkg/model: telemetry_logging.go, telemetry.go, and tracing.go of pilot/pkg/networking/core. */
const kindsOfProviders: Readonly<Record<TelemetryProviderKind, readonly TelemetryKind[]>> = {
  envoyFileAccessLog: ["accessLogging"],
  envoyOtelAls: ["accessLogging"],
  envoyHttpAls: ["accessLogging"],
  envoyTcpAls: ["accessLogging"],
  opentelemetry: ["tracing"],
  zipkin: ["tracing"],
  datadog: ["tracing"],
  skywalking: ["tracing"],
  prometheus: ["metrics"],
};

const ofEveryKind = ["accessLogging", "metrics", "tracing"] as const;

/** Istio's own. Source: istio/istio, pkg/config/mesh/mesh.go. */
const istioProviders: readonly TelemetryProvider[] = [
  { name: "envoy", kinds: ["accessLogging"] },
  { name: "prometheus", kinds: ["metrics"] },
  { name: "stackdriver", kinds: ofEveryKind },
];

/** Every provider that a Telemetry may name, by the settings, an addon or Istio. */
export function telemetryProviders({
  telemetry,
  observability,
  mesh,
}: Pick<Settings, "telemetry" | "observability" | "mesh">): TelemetryProvider[] {
  const kinds = new Map(Object.entries(kindsOfProviders));
  const given = entryReaders(() => telemetry.extensionProviders).map((read) => read());
  const inValues = treesIn(asTree(mesh.values.istiod?.meshConfig).extensionProviders);
  return [
    ...istioProviders,
    ...extensionProviders(observability).map(({ name, protocol }) => ({ name, kinds: kinds.get(protocol) ?? [] })),
    ...[...given, ...inValues].map(({ name, ...provider }) => ({
      name: String(name),
      kinds: Object.keys(provider).flatMap((kind) => kinds.get(kind) ?? []),
    })),
  ].filter(({ name }) => name !== auditProvider && name !== probeProvider);
}

/** `defaultProviders` of the mesh config in Istio's own values. */
export function defaultLogs({ values }: Settings["mesh"]): readonly string[] | undefined {
  const given = asTree(asTree(values.istiod?.meshConfig).defaultProviders).accessLogging;
  return Array.isArray(given) && given.length > 0 ? given.map(String) : undefined;
}

/** Whether the mesh config has an access log; Istio's own values come last. */
export function hasAccessLog({ accessLog, profile, values }: Settings["mesh"]): boolean {
  const given = asTree(values.istiod?.meshConfig).accessLogFile;
  return typeof given === "string" ? given !== "" : (accessLog ?? profile === "demo");
}

/** Whether the settings have telemetry of the whole mesh, and so an object for it; Istio reads one alone. */
export function hasMeshTelemetry({
  telemetry,
  security,
  verification,
}: Pick<Settings, "telemetry" | "security" | "verification">): boolean {
  const entries = ofEveryKind.flatMap((kind) => telemetry[kind]);
  const audit = security.authorization?.audit ?? [];
  if (verification?.enabled) return true;
  return entries.some(({ workload }) => workload === "*") || audit.some(({ to }) => to === "*");
}

/** The tracing of the Telemetry that an addon creates for the mesh. */
export function addonTracing(observability: Settings["observability"]): AddonTracing | undefined {
  if (!observability) return undefined;
  const [found] = installedAddons(observability).flatMap(({ addon, settings }) => {
    const object = addon.istioObject?.(settings, observability.namespace);
    if (object?.kind !== "Telemetry" || object.metadata.namespace !== rootNamespace) return [];
    return treesIn(asTree(object.spec).tracing).flatMap(({ providers, randomSamplingPercentage: sampling }) =>
      treesIn(providers).map(({ name }) => ({
        addon: addon.name,
        provider: String(name),
        sampling: Number(sampling),
      })),
    );
  });
  return found;
}
