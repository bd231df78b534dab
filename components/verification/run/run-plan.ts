import { type DataPlane, dataPlaneOf } from "../../model/data-planes";
import { injectionLabels } from "../../model/control-planes";
import { gatewayWorkloads } from "../../model/gateways";
import { imageReference } from "../../model/images";
import type { Model } from "../../model/model";
import { workloadKey } from "../../model/names";
import type { VerificationSettings } from "../../settings/sections/verification";
import { verificationImages } from "../../settings/versions";
import { milliseconds } from "../../shared/duration";
import type { GatewayWorkload, Workload } from "../../shared/workload";
import { strangerNamespaces } from "../access/clients";
import { outcomesOf } from "../evaluation/outcomes";
import { type HealthRequest, healthRequest } from "../health/health";
import { isStatistical } from "../evaluation/statistics";
import { type PlannedProbe, type PlannedSeries, type VerificationPlan, verificationPlan } from "../plan";
import type { ProbeTarget, Series } from "../probe";

/** Everything that a run needs, as plain data: the worker reads no settings. */
export interface RunPlan extends VerificationPlan {
  /** Those that probes speak for, or send requests to. */
  readonly workloads: readonly RunWorkload[];
  readonly gateways: readonly Pick<GatewayWorkload, "name" | "namespace" | "service" | "selector">[];
  /** How pods in the namespaces of workloads and witnesses are meshed. */
  readonly namespaces: Readonly<Record<string, RunNamespace>>;
  /** Namespaces of clients that are no workload's, with their labels. */
  readonly strangers: Readonly<Record<"sidecar" | "ambient" | "outside", Readonly<Record<string, string>>>>;
  readonly clients: VerificationSettings["clients"];
  readonly image: string;
  readonly pull: { readonly policy: string; readonly secrets: readonly string[] };
  readonly deadlineSeconds: number;
  readonly requestsPerSecond: number;
  readonly maxRequests: number;
  readonly health: HealthRequest;
}

export type RunWorkload = Pick<Workload, "name" | "namespace" | "labels" | "serviceAccount">;

export interface RunNamespace {
  readonly dataPlane: DataPlane;
  /** Labels by which the data plane picks a pod, where the namespace has none. */
  readonly injection: Readonly<Record<string, string>>;
}

export function runPlan(model: Model, verification: VerificationSettings): RunPlan {
  return withContext(verificationPlan({ model, settings: verification }), model, verification);
}

/** A plan with what its clients and its records need of the settings. */
export function withContext(
  plan: VerificationPlan,
  { settings, names, policies }: Model,
  verification: VerificationSettings,
): RunPlan {
  const { mesh, images } = settings;
  const series = plan.probes.flatMap((probe) => probe.series);
  const needed = new Set(series.flatMap(workloadsOf));
  const workloads = names.workloads.filter((workload) => needed.has(workloadKey(workload)));
  const witnesses = series.flatMap(({ request: { to } }) => (to.kind === "witness" ? [to.namespace] : []));
  const ofNamespace = (namespace: string, plane: DataPlane) => planeLabels(plane, injectionLabels(mesh, namespace));
  return {
    ...plan,
    workloads: workloads.map(({ name, namespace, labels, serviceAccount }) => ({
      ...{ name, namespace, labels, serviceAccount },
    })),
    namespaces: Object.fromEntries(
      [...workloads.map(({ namespace }) => namespace), ...witnesses].map((namespace) => {
        const dataPlane = ownPlanes.get(namespace) ?? dataPlaneOf(mesh, namespace);
        return [namespace, { dataPlane, injection: ofNamespace(namespace, dataPlane).pod }];
      }),
    ),
    gateways: gatewayWorkloads(settings.gateways).map(({ name, namespace, service, selector }) => ({
      ...{ name, namespace, service, selector },
    })),
    strangers: {
      sidecar: ofNamespace(strangerNamespaces.sidecar, "sidecar").namespace,
      ambient: ofNamespace(strangerNamespaces.ambient, "ambient").namespace,
      outside: ofNamespace(strangerNamespaces.outside, "none").namespace,
    },
    clients: verification.clients,
    image: clientImages(verification, images).image,
    pull: { policy: images.pullPolicy ?? "IfNotPresent", secrets: images.pullSecrets.map(({ name }) => name) },
    deadlineSeconds: milliseconds(verification.deadline) / 1000,
    requestsPerSecond: verification.requestsPerSecond,
    maxRequests: verification.maxRequests,
    health: healthRequest(policies),
  };
}

/** Seconds for clients to be created, and for a round of requests until proxies have written what they recorded. */
const [setUpSeconds, roundSeconds] = [20, 3];

/** Of requests of one client at the same time, where a series does not say. */
const concurrency = { deterministic: 10, statistical: 50 };

export function concurrencyOf(series: Series): number {
  return series.concurrency ?? concurrency[isStatistical(series.expect) ? "statistical" : "deterministic"];
}

/** Of a run in which everything holds at once. */
export function estimatedSeconds(probes: readonly PlannedProbe[], { requestsPerSecond }: RunPlan): number {
  const requests = requestsOf(probes);
  const alone = probes.filter((probe) => probe.alone === true).flatMap(({ series }) => series);
  return requests === 0
    ? 0
    : Math.ceil(setUpSeconds + roundSeconds * (2 + alone.length) + requests / requestsPerSecond + delays(alone));
}

/** Seconds that requests take because a fault delays them. */
function delays(series: readonly PlannedSeries[]): number {
  return series.reduce((sum, one) => {
    const { expect, count } = one;
    const late = expect.kind === "share" ? expect.share * (expect.outcome.atLeast ?? 0) : 0;
    return sum + (count * late) / concurrencyOf(one);
  }, 0);
}

export function requestsOf(probes: readonly PlannedProbe[]): number {
  return probes.flatMap(({ series }) => series).reduce((sum, { count }) => sum + count, 0);
}

/** The image of clients, with its source: the publisher's name for it, or that of the settings. */
export function clientImages(
  { image: source = verificationImages.curl }: Pick<VerificationSettings, "image">,
  images: Parameters<typeof imageReference>[0],
): { readonly image: string; readonly source: string } {
  return { image: imageReference(images, source), source };
}

/** Data planes of the namespaces that a run makes. */
const ownPlanes: ReadonlyMap<string, DataPlane> = new Map([
  [strangerNamespaces.sidecar, "sidecar"],
  [strangerNamespaces.ambient, "ambient"],
]);

type Injection = ReturnType<typeof injectionLabels>;

function planeLabels(plane: DataPlane, injection: Injection): Injection {
  const without = { "sidecar.istio.io/inject": "false" };
  switch (plane) {
    case "sidecar":
      return injection;
    case "ambient": {
      const ambient = { "istio.io/dataplane-mode": "ambient" };
      return { namespace: ambient, pod: { ...ambient, ...without } };
    }
    case "none": {
      const none = { "istio.io/dataplane-mode": "none" };
      return { namespace: { ...none, "istio-injection": "disabled" }, pod: { ...none, ...without } };
    }
  }
}

export function findWorkload(workloads: readonly RunWorkload[], key: string | undefined): RunWorkload | undefined {
  return workloads.find((each) => workloadKey(each) === key);
}

/** Key of the workload whose pods are a target; undefined of another target. */
export function targetWorkload(to: ProbeTarget): string | undefined {
  switch (to.kind) {
    case "service":
      return workloadKey(to);
    case "pod":
      return workloadKey({ namespace: to.namespace, name: to.workload });
    default:
      return undefined;
  }
}

/** Keys of the workloads that a series is about: those of the client and of the target, and those that get copies. */
export function workloadsOf({ client, request, expect }: Series): string[] {
  const target = targetWorkload(request.to);
  const copies = outcomesOf(expect).flatMap(({ mirroredTo, workload }) => [mirroredTo, workload]);
  return [
    ...(client.kind === "workload" ? [workloadKey(client)] : []),
    ...(target === undefined ? [] : [target]),
    ...copies.filter((copy) => copy?.includes("/")).map(String),
  ];
}
