import { settingOf } from "../../../policies/api-objects";
import { telemetries } from "../../../policies/istio-api/telemetry";
import type { PolicyModel, Telemetry, TelemetryEntry, TelemetryKind } from "../../model/policies/policy-model";
import { type PolicyTarget, targetKey } from "../../model/names";
import type { Settings } from "../../settings/schema";
import { suggestion } from "../../settings/wording";
import { rootNamespace } from "../../shared/istio";
import { duplicates, type Problem, problemsOf, type Refusal, shortPath } from "../../shared/problem";
import { checkEach, runChecks } from "../../shared/unknown";
import { problemsAt, problemsOfEach } from "../check";
import { needsWaypoint } from "./waypoint-security";

const titles: Readonly<Record<TelemetryKind, string>> = {
  accessLogging: "an access log",
  metrics: "a change of metrics",
  tracing: "tracing",
};

/** Telemetry that would not be recorded, or not as it is written. */
export function* telemetryProblems(model: PolicyModel, mesh: Partial<Pick<Settings["mesh"], "accessLog">>) {
  const { telemetry } = model;
  yield* runChecks(
    () => problemsOfKind("accessLogging", telemetry.accessLogging, model),
    () => problemsOfKind("metrics", telemetry.metrics, model),
    () => problemsOfKind("tracing", telemetry.tracing, model),
    () =>
      checkEach(telemetry.metrics, [], ({ path, settings }) =>
        problemsOfEach(settings.overrides, [...path, "overrides"], tagValues),
      ),
    () =>
      problemsAt(
        telemetry.tracing,
        (entry) => addonDecides(entry, telemetry),
        ({ settings: { providers = [] } }) =>
          providers.length > 1 && {
            providers: `found ${providers.join(", ")}; tracing goes to one provider; name one`,
          },
        (entry) => tracingProvider(entry, telemetry),
      ),
    () => twice(telemetry),
    () => writtenOut(model),
    () =>
      problemsAt(telemetry.accessLogging, ({ target, settings: { providers = ["envoy"] } }) => {
        if (target.kind !== "mesh" || mesh.accessLog !== true || providers.includes("envoy")) return undefined;
        return {
          providers: "replaces the log of mesh.accessLog, which is true; name envoy as well, or remove accessLog",
        };
      }),
  );
}

function* problemsOfKind<Kind extends TelemetryKind>(
  kind: Kind,
  entries: readonly TelemetryEntry<Kind>[],
  model: PolicyModel,
): Iterable<Problem> {
  // That of the mesh is the default of every Envoy that there is.
  yield* problemsAt(entries, ({ target }) => target.kind !== "mesh" && needsWaypoint(target, titles[kind], model));
  yield* checkEach(
    entries as readonly TelemetryEntry[],
    [],
    ({ path, settings }) =>
      problemsOfEach(settings.providers, [...path, "providers"], (name) => unknownProvider(name, kind, model)),
    ({ path, target, settings }) => {
      if ("match" in settings) return problemsOf(neverMatches(target, settings), path);
      const overrides = "overrides" in settings ? settings.overrides : undefined;
      return problemsOfEach(overrides, [...path, "overrides"], (override) => neverMatches(target, override));
    },
  );
}

function unknownProvider(name: string, kind: TelemetryKind, { telemetry: { providers } }: PolicyModel): Refusal {
  const known = [...new Set(providers.filter(({ kinds }) => kinds.includes(kind)).map((one) => one.name))];
  if (known.includes(name)) return false;
  const found = providers.find((one) => one.name === name);
  if (found) {
    return `found ${name}, which is no provider for ${titles[kind]}; expected one of: ${known.join(", ") || "none is known"}`;
  }
  const missing = `found ${name}; no such entry of talos-mesh:telemetry.extensionProviders`;
  return `${missing}; ${known.length > 0 ? suggestion(name, known) : "add it there"}`;
}

/** A waypoint handles requests as a server does, a gateway as a client. */
function neverMatches(
  { kind, workloads }: PolicyTarget,
  { match }: { readonly match?: { readonly mode?: string | undefined } | undefined },
): Refusal {
  const waypoint = workloads.find((workload) => workload.waypoint);
  const isServer = waypoint !== undefined && workloads.every((workload) => workload.waypoint);
  const found = match?.mode;
  if (found === "CLIENT" && isServer && kind !== "mesh") {
    return {
      match: { mode: `found CLIENT; the waypoint of ${waypoint.name} is on the side of the server; expected SERVER` },
    };
  }
  return (
    kind === "gateway" &&
    found === "SERVER" && { match: { mode: "found SERVER; a gateway is a client; expected CLIENT" } }
  );
}

type Override = NonNullable<TelemetryEntry<"metrics">["settings"]["overrides"]>[number];

function tagValues({ match, tagOverrides = {} }: Override): Refusal {
  const tags = Object.entries(tagOverrides).map(([tag, { operation, value }]): [string, Refusal] => {
    const removes = operation === "REMOVE";
    if (removes === (value === undefined)) return [tag, undefined];
    return [tag, removes ? "found REMOVE with a value; remove one of them" : "expected a value, or operation: REMOVE"];
  });
  const both = match?.metric !== undefined && match.customMetric !== undefined;
  return {
    match: both && "found metric and customMetric; expected at most one of them",
    tagOverrides: Object.fromEntries(tags),
  };
}

/** What observability.tracing sets for the mesh, and traces that would go elsewhere without a message. */
function addonDecides({ target, settings }: TelemetryEntry<"tracing">, { addonTracing }: Telemetry): Refusal {
  if (target.kind !== "mesh" || !addonTracing) return undefined;
  const { addon, provider } = addonTracing;
  const other = settings.providers?.find((name) => name !== provider);
  const setting = `talos-mesh:observability.${addon}`;
  return {
    providers: other !== undefined && `found ${other}; ${setting} sends traces to ${provider}; remove one of the two`,
    randomSamplingPercentage:
      settings.randomSamplingPercentage !== undefined && `${setting}.sampling decides this; set it there`,
  };
}

function tracingProvider({ target, settings }: TelemetryEntry<"tracing">, telemetry: Telemetry): Refusal {
  if (settings.providers || telemetry.addonTracing) return undefined;
  const around = telemetry.tracing.some(
    (other) =>
      other.settings.providers &&
      (other.target.kind === "mesh" || targetKey(other.target) === targetKey(target) || isNamespaceOf(other, target)),
  );
  return !around && { providers: "missing; neither the mesh nor the namespace has a provider for tracing; name one" };
}

function isNamespaceOf({ target: wide }: TelemetryEntry, { namespace }: TelemetryEntry["target"]): boolean {
  return wide.kind === "namespace" && wide.namespace === namespace;
}

/** Istio reads one Telemetry for what it selects, the oldest. */
function writtenOut(model: PolicyModel): Iterable<Problem> {
  const { addonTracing } = model.telemetry;
  const keyOf = ({ namespace }: { readonly namespace?: string | undefined }, spec: object) => {
    const { selector, targetRefs } = spec as { readonly selector?: unknown; readonly targetRefs?: unknown };
    return JSON.stringify([namespace, selector ?? targetRefs ?? null]);
  };
  const ours = new Map(
    telemetries(model).map((object) => [keyOf(object.metadata, object.spec ?? {}), shortPath(settingOf(object))]),
  );
  const ofMesh = keyOf({ namespace: rootNamespace }, {});
  if (addonTracing && !ours.has(ofMesh)) ours.set(ofMesh, `observability.${addonTracing.addon}`);
  return checkEach(model.objects, ["objects"], ({ kind, metadata, spec }, path) => {
    const by = kind === "Telemetry" ? ours.get(keyOf(metadata, spec)) : undefined;
    if (by === undefined) return [];
    const message = `selects the same as the Telemetry of ${by}, and Istio reads one of them; write it under talos-mesh:telemetry`;
    return [{ path: [...path, "spec"], message }];
  });
}

/** Of two entries for the same, Istio reads the later one. */
function* twice({ accessLogging, tracing }: Telemetry): Iterable<Problem> {
  const modes = (mode = "CLIENT_AND_SERVER") => (mode === "CLIENT_AND_SERVER" ? ["CLIENT", "SERVER"] : [mode]);
  const keys = function* (entries: readonly TelemetryEntry<"accessLogging" | "tracing">[], byProvider: boolean) {
    for (const { path, target, settings } of entries) {
      const { providers = [""], match } = settings;
      for (const one of modes(match?.mode)) {
        for (const name of byProvider ? providers : [""]) {
          yield { path, key: target.title, within: JSON.stringify([targetKey(target), name, one]) };
        }
      }
    }
  };
  yield* duplicates(keys(accessLogging, true), "an access log to the same provider for");
  yield* duplicates(keys(tracing, false), "tracing for");
}
