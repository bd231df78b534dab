import type { ProbeClient, ProbeRequest, ProbeTarget, ProbeToken, Series } from "../probe";
import type { Observation, SeriesResult } from "../result";
import { describeCertificate } from "./certificates";
import { outcomesOf } from "./outcomes";

type Described = Pick<SeriesResult, "from" | "to" | "request" | "expected" | "expectedAnswers">;

export function describeSeries({ client, request, expect }: Series): Described {
  const outcomes = outcomesOf(expect);
  return {
    from: describeClient(client),
    to: describeTarget(request.to),
    request: describeLine(request),
    expected: [...new Set(outcomes.map(({ title }) => title))].join(", "),
    expectedAnswers: [...new Set(outcomes.flatMap(({ answers }) => answers ?? []))],
  };
}

/** `GET /reviews/0 end-user: quentin from shop/productpage to shop/reviews:9080`. */
export function describeRequest(series: Series): string {
  const { from, to, request } = describeSeries(series);
  return `${request} from ${from} to ${to}`;
}

function describeLine({ scheme = "http", method = "GET", path = "/", headers = {}, token }: ProbeRequest): string {
  const line = scheme === "tcp" ? "TCP connection" : `${method} ${path}`;
  const sent = Object.entries(headers).map(([name, value]) => `${name}: ${isCredential(name) ? "..." : value}`);
  const quality = token?.wrong === undefined ? "valid token" : wrongTokens[token.wrong];
  return [line, ...sent, ...(token ? [`${quality} of ${token.issuer}`] : [])].join(" ");
}

/** Reports go into pull requests. */
function isCredential(name: string): boolean {
  return /^(authorization|proxy-authorization|cookie|set-cookie)$/i.test(name);
}

const wrongTokens: Readonly<Record<NonNullable<ProbeToken["wrong"]>, string>> = {
  malformed: "malformed token",
  expired: "expired token",
  issuer: "token of another issuer, instead of one",
  audience: "token for another audience",
  signature: "token, signed by another key,",
};

/** Unique: reports have a row for each. */
function describeClient(client: ProbeClient): string {
  if (client.kind === "workload") return `${client.namespace}/${client.name}`;
  return client.kind === "stranger" && client.dataPlane === "ambient" ? "stranger (ambient)" : client.kind;
}

function describeTarget(to: ProbeTarget): string {
  switch (to.kind) {
    case "service":
      return `${to.namespace}/${to.name}:${to.port}`;
    case "gateway":
      return `gateway ${to.service} ${to.host}:${to.port}`;
    case "external":
      return `${to.host}:${to.port}`;
    case "pod":
      return `pod of ${to.namespace}/${to.workload}:${to.port}`;
    case "witness":
      return `pod of verification in ${to.namespace}`;
  }
}

/** `3 of 3: 403 by authorization`, or shares: `15.2% v1, 24.8% v2, 60.0% v3 of 930`; what deviates last. */
export function describeMeasured(
  outcomes: readonly { readonly title: string; readonly count: number }[],
  deviations: readonly string[],
  areShares: boolean,
): string {
  const judged = outcomes.reduce((sum, { count }) => sum + count, 0);
  const total = judged + deviations.length;
  if (total === 0) return "no request was sent";
  const seen = outcomes.filter(({ count }) => count > 0 || areShares);
  const text = areShares
    ? `${seen.map(({ title, count }) => `${((100 * count) / Math.max(1, judged)).toFixed(1)}% ${title}`).join(", ")} of ${judged}`
    : seen.map(({ title, count }) => `${count} of ${total}: ${title}`).join("; ");
  const others = new Map<string, number>();
  for (const one of deviations) others.set(one, (others.get(one) ?? 0) + 1);
  const [most, ...rest] = [...others].sort(([, a], [, b]) => b - a);
  const deviating = most ? [`${most[1]} of ${total}: ${most[0]}`] : [];
  const more = rest.length > 0 ? [`${rest.reduce((sum, [, count]) => sum + count, 0)} otherwise`] : [];
  return [text, ...deviating, ...more].filter((part) => part !== "").join("; ");
}

const places = [
  ["the client's sidecar", "sidecar", "outbound"],
  ["the gateway", "gateway", undefined],
  ["the waypoint", "waypoint", undefined],
  ["the server's sidecar", "sidecar", "inbound"],
] as const;

/** By what a verdict was reached. */
export function describeEvidence(observations: readonly Observation[]): string {
  const records = observations.flatMap((observation) => observation.records);
  const seen = places.filter(([, kind, side]) =>
    records.some(({ proxy }) => proxy.kind === kind && (side === undefined || proxy.side === side)),
  );
  const [shown] = observations.flatMap(({ certificate }) => certificate ?? []);
  const certificate = shown ? `, and ${describeCertificate(shown)}` : "";
  if (seen.length === 0) return `the client's result only${certificate}`;
  const recorded = observations.filter((observation) => observation.records.length > 0).length;
  const part = recorded === observations.length ? "" : ` of ${recorded} of ${observations.length} requests`;
  return `the records of ${seen.map(([name]) => name).join(" and ")}${part}, and the client's result${certificate}`;
}
