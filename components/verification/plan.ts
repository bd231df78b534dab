import { compilePolicies } from "../../policies/compile";
import { settingOf } from "../../policies/api-objects";
import type { Model } from "../model/model";
import { isWithin, type SettingPath, UserError } from "../shared/problem";
import { sampleSize, statisticsOf } from "./evaluation/statistics";
import type { PlanContext, Probe, Series } from "./probe";
import type { SuiteStatistics } from "./result";
import { probesOf } from "./probes/registry";

export interface PlannedSeries extends Series {
  readonly count: number;
  /** Of shares: the deviation that is hardest to find, and that this count finds: `15/25/60 against 15/35/50`. */
  readonly finds?: string;
}

export interface PlannedProbe extends Probe {
  readonly objects: readonly string[];
  readonly series: readonly PlannedSeries[];
}

export interface VerificationPlan {
  readonly probes: readonly PlannedProbe[];
  readonly statistics: SuiteStatistics;
  /** Of one measurement of each series. */
  readonly requests: number;
  /** At the settings' rate, for these requests; policies that take time to have their effect come on top. */
  readonly seconds: number;
}

/**
 * The probes of a stack with the number of their requests. Pure: it reads no cluster.
 *
 * @param all @default what the registry derives from the settings, in its order
 */
export function verificationPlan(context: PlanContext, all: readonly Probe[] = probesOf(context)): VerificationPlan {
  const { model, settings } = context;
  const probes = all.map((probe) => withoutWhatIsOff(probe, context));
  const expectations = probes.flatMap(({ series }) => series.map(({ expect }) => expect));
  const statistics = statisticsOf(expectations, settings.deviation);
  const objects = policyObjects(model);
  const planned = probes.map((probe) => ({
    ...probe,
    objects: probe.objects ?? objects(probe.path),
    series: probe.series.map((series) => plannedSeries(series, statistics)),
  }));
  const requests = planned.reduce((total, probe) => total + requestsOf(probe), 0);
  refuseMoreThan(settings.maxRequests, requests, planned);
  return { probes: planned, statistics, requests, seconds: requests / settings.requestsPerSecond };
}

function plannedSeries(series: Series, statistics: SuiteStatistics): PlannedSeries {
  const size = sampleSize(series.expect, statistics);
  // A count of the probe's own may be more, but not less than the error rates take.
  const count = size.finds === undefined ? (series.count ?? size.count) : Math.max(series.count ?? 0, size.count);
  return { ...series, ...size, count };
}

function withoutWhatIsOff(probe: Probe, { model, settings }: PlanContext): Probe {
  const isProduction = model.settings.environment === "production";
  const mayDisturb = settings.disruptive ?? !isProduction;
  const reason = model.cluster.simulatedNodes
    ? "simulated nodes carry no traffic"
    : probe.disturbs !== undefined && !mayDisturb
      ? `not measured (${isProduction ? "production" : "verification.disruptive is false"}): ${probe.disturbs}`
      : undefined;
  return reason === undefined ? probe : { ...probe, series: [], notMeasurable: probe.notMeasurable ?? reason };
}

function requestsOf({ series }: PlannedProbe): number {
  return series.reduce((total, { count }) => total + count, 0);
}

function refuseMoreThan(maxRequests: number, requests: number, probes: readonly PlannedProbe[]): void {
  if (requests <= maxRequests) return;
  const most = [...probes].sort((a, b) => requestsOf(b) - requestsOf(a)).slice(0, 3);
  const largest = most.map((probe) => `"${probe.name}" ${requestsOf(probe)}`).join(", ");
  throw new UserError(
    `talos-mesh:verification.maxRequests: ${maxRequests}; this stack's probes send ${requests}, most of them for ${largest}; ` +
      `raise it, or raise talos-mesh:verification.deviation, which takes fewer requests for each share`,
  );
}

/** Objects by the setting that they are created for, as `Kind namespace/name`. */
function policyObjects(model: Model): (path: SettingPath) => string[] {
  const objects = compilePolicies(model.policies).map((object) => ({
    origin: settingOf(object),
    name: `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`,
  }));
  return (path) => {
    const within = objects.filter(({ origin }) => origin.length > path.length && isWithin(origin, path));
    // The object of a rule is that of its service: the longest path that the setting is in.
    const around = objects.filter(({ origin }) => origin.length > 1 && isWithin(path, origin));
    const longest = Math.max(...around.map(({ origin }) => origin.length));
    const names = [...around.filter(({ origin }) => origin.length === longest), ...within].map(({ name }) => name);
    return [...new Set(names)].sort();
  };
}
