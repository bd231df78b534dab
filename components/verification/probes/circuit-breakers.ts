import { idleBreaker } from "../../model/connection-pools";
import type { MeshService } from "../../model/policies/policy-model";
import type { TrafficPolicySettings } from "../../settings/sections/traffic-policy";
import type { SettingPath } from "../../shared/problem";
import { isHttp, onlyPort, type PortProtocol } from "../../shared/workload";
import type { Outcome, PlanContext, Probe } from "../probe";
import { type Entry, gatewayEntries, meshEntries, titleOf } from "../requests/entries";
import { type Asked, findRequest, takes } from "../requests/find";
import { destinationsOf, objectsFor, type Part, partsOf } from "../requests/outcomes";
import { sent } from "./routes";

type ConnectionPool = NonNullable<TrafficPolicySettings["connectionPool"]>;

/** More requests at the same time than one client sends. */
const mostAtOnce = 200;

/** Limits of connections and requests: one at a time passes, and more than the limits let through do not. */
export function circuitBreakers(context: PlanContext): Probe[] {
  return context.model.policies.services.flatMap((service) =>
    policiesOf(service).flatMap(({ policy, subset, port, path }) => {
      const { connectionPool, outlierDetection } = policy;
      const of = { service, subset, port };
      return [
        ...(connectionPool ? [poolProbe(context, of, connectionPool, [...path, "connectionPool"])] : []),
        ...(outlierDetection ? [ejectionProbe(context, of, [...path, "outlierDetection"])] : []),
      ];
    }),
  );
}

interface Subject {
  readonly service: MeshService;
  readonly subset: string | undefined;
  readonly port: number | undefined;
}

interface Placed {
  readonly policy: Pick<TrafficPolicySettings, "connectionPool" | "outlierDetection">;
  readonly subset?: string;
  readonly port?: number;
  readonly path: SettingPath;
}

/** Of the service, its ports and its subsets. */
function policiesOf({ trafficPolicy, subsets, paths: [path = []] }: MeshService): Placed[] {
  const levels = (policy: TrafficPolicySettings | undefined, at: SettingPath, subset?: string): Placed[] => {
    if (!policy) return [];
    const of = subset === undefined ? {} : { subset };
    const ports = policy.portLevelSettings ?? [];
    return [
      { policy, ...of, path: at },
      ...ports.map((level, index) => ({
        policy: level,
        ...of,
        port: level.port.number,
        path: [...at, "portLevelSettings", index],
      })),
    ];
  };
  return [
    ...levels(trafficPolicy, [...path, "trafficPolicy"]),
    ...subsets.flatMap((subset, index) =>
      levels(subset.trafficPolicy, [...path, "subsets", index, "trafficPolicy"], subset.name),
    ),
  ];
}

function about(context: PlanContext, { service, subset, port }: Subject, path: SettingPath) {
  const { policies } = context.model;
  const title = titleOf(service, policies.names.defaultNamespace);
  const of = [...(subset === undefined ? [] : [subset]), ...(port === undefined ? [] : [`port ${port}`])];
  return {
    name: ["circuit-breakers", title, ...of, String(path.at(-1))].join(" "),
    kind: "circuit-breakers" as const,
    path,
    objects: objectsFor(policies, service.paths[0] ?? [], ["DestinationRule"]),
  };
}

function poolProbe(context: PlanContext, subject: Subject, pool: ConnectionPool, path: SettingPath): Probe {
  const { service, subset } = subject;
  const port = subject.port ?? onlyPort(service.ports, isHttp) ?? service.ports.find(isHttp)?.port;
  const protocol = service.ports.find((one) => one.port === port)?.protocol ?? "tcp";
  const capacity = capacityOf(pool, protocol);
  if (typeof capacity === "string") {
    return {
      ...about(context, subject, path),
      expectation: "503 above its limits",
      series: [],
      notMeasurable: capacity,
    };
  }
  const expectation = `one request at a time passes; of more than ${capacity} at the same time, some get 503`;
  const found = requestTo(context, subject, port ?? 0);
  // Each version that a rule leads to has limits of its own.
  const clusters = "parts" in found ? found.parts.length : 1;
  const concurrency = Math.max(4, 4 * capacity * clusters);
  const tooMany = `it takes ${concurrency} requests at the same time, and a client sends at most ${mostAtOnce}`;
  const notMeasurable = "reason" in found ? found.reason : concurrency > mostAtOnce ? tooMany : undefined;
  if ("reason" in found || notMeasurable !== undefined) {
    return { ...about(context, subject, path), expectation, series: [], notMeasurable };
  }
  const { asked, parts } = found;
  const overflow: Outcome = { title: "503: too many", answers: ["overflow"], status: [503] };
  const passed: Outcome = {
    title: subset === undefined ? "passed" : `passed to ${subset}`,
    answers: [...new Set(parts.flatMap(({ outcome }) => outcome.answers ?? []))],
  };
  const some = [passed, overflow].map((outcome) => ({ outcome, atLeast: 1 }));
  return {
    ...about(context, subject, path),
    expectation,
    alone: true,
    disturbs: "it takes the connections that users need",
    series: [
      { ...sent(asked, "control"), concurrency: 1, count: 20, expect: { kind: "every", outcome: passed } },
      { ...sent(asked, "effect"), concurrency, count: 25 * concurrency, expect: { kind: "some", outcomes: some } },
    ],
  };
}

/** How many requests pass at the same time; or why that is not known. */
function capacityOf(pool: ConnectionPool, protocol: PortProtocol): number | string {
  if (!isHttp({ protocol })) return "a connection carries no header by which proxies record what became of it";
  const idle = idleBreaker(pool, protocol);
  if (idle) return `${idle.reason}; set ${idle.instead}`;
  const { maxConnections = Infinity } = pool.tcp ?? {};
  const { http1MaxPendingRequests = Infinity, http2MaxRequests = Infinity, h2UpgradePolicy } = pool.http ?? {};
  const isHttp2 = protocol !== "http" || h2UpgradePolicy === "UPGRADE";
  const capacity = isHttp2 ? http2MaxRequests : Math.min(maxConnections + http1MaxPendingRequests, http2MaxRequests);
  if (Number.isFinite(capacity)) return capacity;
  return "none of its limits refuses a request for certain: without maxConnections each request may have a connection of its own";
}

type FoundRequest = { readonly asked: Asked; readonly parts: readonly Part[] } | { readonly reason: string };

/** From a client in the mesh that may, else through a gateway; of a subset, by a rule that leads to it alone. */
function requestTo(context: PlanContext, { service, subset }: Subject, port: number): FoundRequest {
  const { policies } = context.model;
  const isOf = (entry: Entry) => entry.service === service;
  const inMesh = meshEntries(policies).find((entry) => isOf(entry) && entry.port === port);
  const own: Entry = inMesh ?? {
    title: titleOf(service, policies.names.defaultNamespace),
    service,
    from: [],
    rules: [],
    port,
  };
  let reason =
    subset === undefined
      ? "every rule leads to subsets with limits of their own"
      : `no rule leads to subset ${subset} alone`;
  for (const entry of [own, ...gatewayEntries(policies).filter(isOf)]) {
    const wanted = entry.rules.flatMap(({ rule, path }) =>
      (rule.match ?? [undefined]).map((match) => ({ match, taken: path })),
    );
    for (const one of entry.rules.length === 0 ? [{}] : wanted) {
      const found = findRequest(context, entry, one);
      if ("reason" in found) {
        if (subset === undefined) reason = found.reason;
        continue;
      }
      const { asked } = found;
      const taken = entry.rules.find((other) => takes(asked.explanation, other.path));
      const rule = taken ?? { rule: {}, path: [], service };
      const parts = partsOf(policies, rule, asked);
      const isReached = parts.some(({ outcome }) => outcome.answers?.includes("application"));
      const subsets = destinationsOf(policies, rule).map((one) => one.subset);
      // The policy of a subset replaces that of the service.
      const isMeant =
        subset === undefined
          ? subsets.every((one) => one?.trafficPolicy === undefined)
          : subsets.length === 1 && subsets[0]?.name === subset;
      if (isReached && isMeant) return { asked, parts };
    }
  }
  return { reason };
}

function ejectionProbe(context: PlanContext, subject: Subject, path: SettingPath): Probe {
  return {
    ...about(context, subject, path),
    expectation: "pods that fail get no requests",
    series: [],
    notMeasurable: "no setting makes a pod fail, and a fault is injected before a pod is chosen",
  };
}
