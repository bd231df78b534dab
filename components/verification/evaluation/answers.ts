import { type Answer, openSeconds, type Series } from "../probe";
import type { Observation, ProxyRecord } from "../result";

/** Who ended a request, by what is known of it. */
export interface Ending {
  readonly answer: Answer;
  /** Answers that look the same from outside: a closed connection does not say why. */
  readonly mayBe: readonly Answer[];
  /** Of a denial that a proxy recorded: `namespace/name` of the policy, or `none`. */
  readonly policy?: string;
  /** The proxy whose record says so; absent: the client's result does. */
  readonly by?: ProxyRecord;
}

/**
 * Proxies' records come first: a 403 of the application has a proxy's 403 in nothing but its number. Then what the client
 * saw.
 */
export function endingOf(observation: Observation, series: Pick<Series, "client" | "request">): Ending {
  const records = pathOf(observation);
  for (const by of records) {
    const answer = recordedAnswer(by);
    if (answer === "passed on") continue;
    // A connection that was cut off does not say why. Policies of what a waypoint is for are its own: it answers 403.
    const mayBe: readonly Answer[] = answer === "reset" && by.proxy.kind !== "waypoint" ? ["denied"] : [];
    if (answer) return { answer, mayBe, policy: deniedBy(by), by };
  }
  if (observation.status === 0) return withoutAnswer(observation, series);
  const written = proxyAnswer(observation, series);
  const last = records.at(-1);
  // After a waypoint or a sidecar at the server comes the application: what they passed on is its own, whatever it looks like.
  const isSeenToTheEnd = last?.proxy.kind === "waypoint" || last?.proxy.side === "inbound";
  if (written && !isSeenToTheEnd) return { answer: written, mayBe: [] };
  return { answer: "application", mayBe: [], by: last };
}

/**
 * The records of the request that the client was answered, in the order of its path. Retries leave records of the requests
 * that failed, whose status the client did not get.
 */
function pathOf({ records, status }: Observation): readonly ProxyRecord[] {
  const own = records.filter(({ isMirrored }) => !isMirrored);
  const [first, ...others] = own;
  if (!first || recordedAnswer(first) !== "passed on" || status === 0) return own;
  return [first, ...others.filter((record) => record.status === first.status)];
}

/**
 * Envoy's names for how a request ended: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details
 * and, of filters, `RcDetails` in their sources. The list is not promised to be stable: where no name fits, flags decide.
 */
const endings: readonly (readonly [details: RegExp, answer: Answer | "passed on"])[] = [
  [/^(via_upstream|internal_redirect)/, "passed on"],
  // The client left: why it did is its own result's.
  [/^downstream_(remote|local)_disconnect/, "passed on"],
  [/^(rbac_access_denied|ext_authz_(denied|error))/, "denied"],
  [/^jwt_authn_access_denied/, "token refused"],
  [/^fault_filter_abort/, "fault"],
  [/^(local_rate_limited|request_rate_limited|rate_limiter_error)/, "rate limited"],
  [/overflow|^maintenance_mode|^(unconditional_)?drop_overload/, "overflow"],
  [/^((upstream_)?response_timeout|upstream_per_try_(idle_)?timeout|upstream_max_stream_duration_reached)/, "timeout"],
  [/^(request_overall|stream_idle|duration|max_duration)_timeout/, "timeout"],
  // A route to a cluster that is not there is as good as none.
  [/^(route_not_found|route_configuration_not_found|cluster_not_found)/, "no route"],
  [/^direct_response/, "rule"],
  [/^upstream_reset_(before|after)_response_started.*TLS_error/, "reset"],
  [/^(no_healthy_upstream|upstream_reset_before_response_started\{.*connection_(failure|timeout))/, "unreachable"],
  [/^(upstream_reset_(before|after)_response_started|filter_chain_not_found|http[123]\.)/, "reset"],
];

/** https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags */
const flagged: ReadonlyMap<string, Answer> = new Map([
  ["FI", "fault"],
  ["UO", "overflow"],
  ["RL", "rate limited"],
  ["UAEX", "denied"],
  ["NR", "no route"],
  ["NC", "no route"],
  ["UT", "timeout"],
  ["SI", "timeout"],
  ["DT", "timeout"],
  ["UMSDR", "timeout"],
  ["UH", "unreachable"],
  ["DF", "unreachable"],
  ["UF", "unreachable"],
  ["UC", "reset"],
  ["UR", "reset"],
  ["LR", "reset"],
  ["UPE", "reset"],
]);

function recordedAnswer(record: ProxyRecord): Answer | "passed on" | undefined {
  const { details, flags } = record;
  const answer =
    endings.find(([pattern]) => pattern.test(details))?.[1] ??
    flags.map((flag) => flagged.get(flag)).find((known) => known !== undefined);
  return isBlackHole(record) ? "blocked" : answer;
}

/** Where REGISTRY_ONLY sends requests for hosts that are not known: a route that answers 502, a cluster without endpoints. */
function isBlackHole({ route, upstreamCluster }: ProxyRecord): boolean {
  return route === "block_all" || upstreamCluster === "BlackHoleCluster";
}

/** Istio names RBAC policies `ns[bookinfo]-policy[reviews-viewer]-rule[0]`. */
function deniedBy({ details }: ProxyRecord): string | undefined {
  const [, namespace, name] = /\[ns\[([^\]]*)\]-policy\[([^\]]*)\]/.exec(details) ?? [];
  if (namespace !== undefined && name !== undefined) return `${namespace}/${name}`;
  return details === "rbac_access_denied_matched_policy[none]" ? "none" : undefined;
}

/** Of curl: https://everything.curl.dev/cmdline/exitcode.html. 5, 6 and 7 are: no such proxy, no such host, no connection. */
const [notFound, tooLate] = [[5, 6, 7], 28];

function withoutAnswer(
  { exitCode, connected }: Observation,
  { client, request }: Pick<Series, "client" | "request">,
): Ending {
  // Of a TCP connection there is no status: it was answered.
  if (exitCode === 0) return { answer: "application", mayBe: [] };
  if (notFound.includes(exitCode) || (exitCode === tooLate && !connected)) return { answer: "unreachable", mayBe: [] };
  if (exitCode === tooLate) {
    const isOpen = request.scheme === "tcp" && (request.timeoutSeconds ?? openSeconds) >= openSeconds;
    // A server that waits for more keeps the connection.
    return { answer: isOpen ? "application" : "no answer", mayBe: [] };
  }
  // Closed before an answer, in the TLS handshake or after it.
  const all: readonly Answer[] = ["reset", "denied", "blocked"];
  const answer = request.to.kind === "external" ? "blocked" : client.kind === "outside" ? "reset" : "denied";
  return { answer, mayBe: all.filter((other) => other !== answer) };
}

/** What Envoy writes into the answers of its own. */
const bodies: readonly (readonly [body: RegExp, answer: Answer])[] = [
  [/^RBAC: access denied/, "denied"],
  [/^(Jwt |Audiences in Jwt|Jwks )/, "token refused"],
  [/^fault filter abort/, "fault"],
  [/^local_rate_limited/, "rate limited"],
  [/^upstream connect error or disconnect\/reset before headers\. .*overflow/, "overflow"],
  [/^upstream connect error or disconnect\/reset before headers\. .*(connection failure|timeout)/, "unreachable"],
  [/^upstream connect error or disconnect\/reset before headers/, "reset"],
  [/^no healthy upstream/, "unreachable"],
  [/^(upstream request timeout|stream timeout)/, "timeout"],
];

/** A proxy's own answer as the client sees it: by its body, or by Envoy's name without the time of an upstream. */
function proxyAnswer(observation: Observation, { request }: Pick<Series, "request">): Answer | undefined {
  const { status, headers, body = "" } = observation;
  const written = bodies.find(([pattern]) => pattern.test(body))?.[1];
  if (written) return written;
  const isProxy = /envoy/.test(headers["server"] ?? "") && headers["x-envoy-upstream-service-time"] === undefined;
  if (!isProxy || body !== "") return undefined;
  if (status === 404) return "no route";
  if (status === 502 && request.to.kind === "external") return "blocked";
  return status >= 300 && status < 400 ? "rule" : undefined;
}
