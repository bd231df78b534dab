import type { PolicyModel } from "../../components/model/policies/policy-model";
import { evaluateSeries } from "../../components/verification/evaluation/evaluate";
import { evaluateProbe } from "../../components/verification/evaluation/verdicts";
import { statisticsOf } from "../../components/verification/evaluation/statistics";
import type { Probe, ProbeToken, Series } from "../../components/verification/probe";
import type { Observation, ProxyRecord, Verdict } from "../../components/verification/result";
import { strangerNamespaces } from "../../components/verification/access/clients";
import { gatewayEntries } from "../../components/verification/requests/entries";
import { principal } from "../../policies/api-objects";
import { type Explanation, explain, type Question } from "../../policies/explain/explain";
import { formatPath } from "../../components/shared/problem";
import { targetPolicyName } from "../../components/model/object-names";

/** What a run would find on a mesh that does exactly what a model says. */

/** The question that the request of a series is, as a reader of the plan would put it. */
export function questionOf(model: PolicyModel, { client, request }: Series): Question | undefined {
  const { to, method = "GET", path = "/", headers = {}, token } = request;
  const asked = { method, path, headers };
  const claims =
    token && !token.wrong ? { iss: token.issuer, ...flat(token.claims ?? {}), ...audience(token) } : undefined;
  const tokens = { ...(claims && { claims }), ...(token?.wrong && { hasInvalidToken: true }) };
  const stranger = client.kind === "stranger" ? strangerOf(client.dataPlane) : undefined;
  const from = {
    from: client.kind === "workload" ? `${client.namespace}/${client.name}` : "outside",
    ...(stranger && { client: stranger }),
  };
  if (to.kind === "service") {
    const host = `${to.name}.${to.namespace}.svc.cluster.local${to.port === 80 ? "" : `:${to.port}`}`;
    return {
      ...asked,
      ...tokens,
      ...from,
      to: `${to.namespace}/${to.name}`,
      port: to.port,
      headers: { host, ...headers },
    };
  }
  if (to.kind === "pod") {
    // As a client whose data plane knows no waypoints.
    const past = stranger ? { ...from, client: { ...stranger, dataPlane: "sidecar" as const } } : from;
    return { ...asked, ...tokens, ...past, to: `${to.namespace}/${to.workload}`, port: to.port };
  }
  if (to.kind === "external") return { ...asked, ...from, to: to.host, port: to.port };
  if (to.kind === "witness") return undefined;
  const entry = gatewayEntries(model).find(
    ({ exposed }) =>
      exposed?.host === to.host && exposed.gateway.service === to.service && exposed.gateway.namespace === to.namespace,
  );
  if (!entry?.exposed) return undefined;
  const { gateway } = entry.exposed;
  const target = `${entry.service.namespace}/${entry.service.name}`;
  return { ...asked, ...tokens, from: gateway.name, to: target, port: to.port, headers: { ...headers, host: to.host } };
}

function strangerOf(dataPlane: "sidecar" | "ambient") {
  return { name: "stranger", namespace: strangerNamespaces[dataPlane], serviceAccount: "default", dataPlane };
}

function audience({ audiences }: ProbeToken): Record<string, string> {
  return audiences?.[0] === undefined ? {} : { aud: audiences[0] };
}

/** Claims as a question has them: `a[b]` is claim b in claim a. */
function flat(claims: Readonly<Record<string, unknown>>, within = ""): Record<string, string> {
  return Object.fromEntries(
    Object.entries(claims).flatMap(([name, value]) => {
      const key = within === "" ? name : `${within}[${name}]`;
      return typeof value === "object"
        ? Object.entries(flat(value as Record<string, unknown>, key))
        : [[key, value as string]];
    }),
  );
}

/** What proxies and the client show of a request that ends as explained. */
function observationOf(model: PolicyModel, series: Series, explanation: Explanation, question: Question): Observation {
  const { end, answers } = explanation;
  const target = model.names.findTarget(question.to)?.workloads[0];
  const server = target ? `spiffe://${principal(target, model.trustDomain)}` : "";
  const isTcp = series.request.scheme === "tcp";
  const shown = { connected: true, seconds: 0.01, headers: {} };
  if (!end) {
    const passed = { status: 200, details: "via_upstream", server };
    const records = isTcp || target?.dataPlane !== "sidecar" ? [] : [record("server sidecar", passed)];
    return { ...shown, status: isTcp ? 0 : 200, exitCode: 0, records };
  }
  const [answer] = answers;
  if (answer === "reset") return { ...shown, status: 0, exitCode: 56, error: "reset by peer", records: [] };
  const status = answer ?? 301;
  const details = {
    details: detailsOf(model, explanation),
    server,
    ...(end.why === "egress" && status === 502 && { route: "block_all" }),
  };
  return { ...shown, status, exitCode: 0, records: [record(end.by, { status, ...details })] };
}

function detailsOf(model: PolicyModel, { end, answers, steps }: Explanation): string {
  if (answers.includes(401)) return "jwt_authn_access_denied{Jwt_is_not_in_the_form_of_Header.Payload.Signature}";
  if (end?.why === "no route") return "route_not_found";
  if (end?.why === "rule" || answers.includes(502)) return "direct_response";
  const decided = steps.at(-1)?.path;
  const isDecisive = ({ path }: { readonly path: readonly (string | number)[] }) =>
    decided !== undefined && formatPath(path) === formatPath(decided);
  const rule = model.accessRules.find(isDecisive);
  const tokens = model.tokenRules.find(isDecisive);
  const [target, use] = rule?.action === "DENY" ? [rule.target, "deny"] : [tokens?.target, "jwt"];
  const policy = target && `ns[${target.namespace}]-policy[${targetPolicyName(target, use)}]-rule[0]`;
  return `rbac_access_denied_matched_policy[${policy ?? "none"}]`;
}

function record(
  by: string,
  shown: Pick<ProxyRecord, "status" | "details" | "server"> & { readonly route?: string },
): ProxyRecord {
  const kind = by === "gateway" || by === "waypoint" ? by : "sidecar";
  const side = by === "client sidecar" ? "outbound" : "inbound";
  return {
    proxy: { kind, namespace: "any", pod: "any", side },
    ...{ flags: [], connection: "", authority: "", method: "", path: "", upstreamCluster: "", upstreamHost: "" },
    ...{ attempts: 1, route: "", start: 0, client: "", clientCertificateEnd: 3600, seconds: 0.01, isMirrored: false },
    ...shown,
  };
}

/** The verdict on a probe, of a mesh with this model. */
export function verdictOf(model: PolicyModel, probe: Probe): { readonly verdict: Verdict; readonly reason?: string } {
  const statistics = statisticsOf([], 10);
  const results = probe.series.map((series) => evaluateSeries(probe, series, [observed(model, series)], statistics));
  return evaluateProbe(probe, results, 1);
}

function observed(model: PolicyModel, series: Series): Observation {
  const { to } = series.request;
  if (to.kind === "witness") {
    const denied = model.defaultDenyNamespaces.has(to.namespace);
    const isPlainText = series.client.kind === "outside";
    const isClosed = to.by === "address" && (denied || (isPlainText && model.mtls === "STRICT"));
    const details = denied ? "rbac_access_denied_matched_policy[none]" : "via_upstream";
    const status = isClosed ? 0 : denied ? 403 : 200;
    const records = isClosed ? [] : [record("server sidecar", { status, details, server: "" })];
    return { status, exitCode: isClosed ? 56 : 0, connected: true, seconds: 0.01, headers: {}, records };
  }
  const question = questionOf(model, series);
  if (!question) throw new Error(`no question is known for ${series.title}`);
  return observationOf(model, series, explain(model, question), question);
}
