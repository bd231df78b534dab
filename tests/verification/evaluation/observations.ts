import { evaluateSeries } from "../../../components/verification/evaluation/evaluate";
import { statisticsOf } from "../../../components/verification/evaluation/statistics";
import type { Expectation, Probe, Series } from "../../../components/verification/probe";
import type { Observation, ProxyRecord, SeriesResult } from "../../../components/verification/result";

/** Observations and records with what a test is about; the rest is that of a request that was answered. */

type Proxy = "client" | "server" | "gateway" | "waypoint";

const proxies: Readonly<Record<Proxy, ProxyRecord["proxy"]>> = {
  client: { kind: "sidecar", namespace: "bookinfo", pod: "probe-productpage", side: "outbound" },
  server: { kind: "sidecar", namespace: "bookinfo", pod: "reviews-v2-5f", side: "inbound" },
  gateway: { kind: "gateway", namespace: "istio-ingress", pod: "ingress-7c", side: "outbound" },
  waypoint: { kind: "waypoint", namespace: "bookinfo", pod: "waypoint-6d", side: "outbound" },
};

/** @param line status, flags and details as Istio's own access log writes them: `503 UO upstream_reset...` */
export function recordOf(by: Proxy, line: string, more: Partial<ProxyRecord> = {}): ProxyRecord {
  const [status = "", flags = "", details = ""] = line.split(" ");
  return {
    proxy: proxies[by],
    status: Number(status),
    flags: flags === "-" ? [] : flags.split(","),
    details: details === "-" ? "" : details,
    connection: "",
    authority: "reviews:9080",
    method: "GET",
    path: "/reviews/0",
    upstreamCluster: "outbound|9080|v2|reviews.bookinfo.svc.cluster.local",
    upstreamHost: "10.244.1.8:9080",
    attempts: 1,
    route: "default",
    start: 1_764_510_000,
    client: "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-productpage",
    clientCertificateEnd: 1_764_510_000 + 86_000,
    server: "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews",
    seconds: 0.004,
    isMirrored: false,
    ...more,
  };
}

/** A pod of reviews, as the address of a record leads to it. */
export function reviews(version: string): NonNullable<ProxyRecord["upstream"]> {
  return { namespace: "bookinfo", pod: `reviews-${version}-5f`, workload: "bookinfo/reviews", version };
}

export function observationOf(seen: Partial<Observation>): Observation {
  return { status: 200, exitCode: 0, connected: true, seconds: 0.01, headers: {}, records: [], ...seen };
}

/** A request that the application answered, seen by the proxies of both ends. */
export function answered(version: string, seen: Partial<Observation> = {}): Observation {
  const upstream = reviews(version);
  const status = seen.status ?? 200;
  const records = [
    recordOf("client", `${status} - via_upstream`, { upstream }),
    recordOf("server", `${status} - via_upstream`, { upstream }),
  ];
  return observationOf({ records, ...seen });
}

export function seriesOf(series: Partial<Series>): Series {
  return {
    title: "productpage GET /reviews/0",
    role: "effect",
    client: { kind: "workload", namespace: "bookinfo", name: "productpage" },
    request: { to: { kind: "service", namespace: "bookinfo", name: "reviews", port: 9080 }, path: "/reviews/0" },
    expect: { kind: "every", outcome: { title: "200", answers: ["application"] } },
    ...series,
  };
}

export function probeOf(probe: Partial<Probe>): Probe {
  return {
    name: "authorization reviews",
    kind: "authorization",
    path: ["security", "authorization", "allow", 0],
    expectation: "productpage may GET, others may not",
    series: [],
    ...probe,
  };
}

const statistics = statisticsOf([], 10);

export function evaluate(
  observation: Observation | readonly Observation[],
  series: Partial<Series> = {},
  probe: Partial<Probe> = {},
): SeriesResult {
  const observations = "records" in observation ? [observation] : observation;
  return evaluateSeries(probeOf(probe), seriesOf(series), observations, statistics);
}

/** What a test is about of a result: the verdict, and the reason. */
export function judged(result: SeriesResult): [string, string] {
  return [result.verdict, result.failure?.reason ?? ""];
}

export const allowed: Expectation = { kind: "every", outcome: { title: "allowed", answers: ["application"] } };
export const denied: Expectation = {
  kind: "every",
  outcome: { title: "denied", answers: ["denied"], status: [403], policy: "bookinfo/reviews.deny" },
};

/** A request that the proxy at the server ended, as both proxies record it. */
export function ended(status: number, details: string, flags = "-"): Observation {
  const records = [
    recordOf("client", `${status} - via_upstream`, { upstream: reviews("v2") }),
    recordOf("server", `${status} ${flags} ${details}`),
  ];
  return observationOf({ status, records });
}

const deniedBy = (policy: string) => ended(403, `rbac_access_denied_matched_policy[${policy}]`);
export const byReviewsDeny = deniedBy("ns[bookinfo]-policy[reviews.deny]-rule[0]");
export const byOther = deniedBy("ns[bookinfo]-policy[mesh.deny]-rule[0]");
export const byNone = deniedBy("none");
