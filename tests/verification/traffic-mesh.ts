import type { PolicyModel } from "../../components/model/policies/policy-model";
import { milliseconds } from "../../components/shared/duration";
import type { Random } from "../../components/shared/random";
import type { Series } from "../../components/verification/probe";
import type { Observation, ProxyRecord } from "../../components/verification/result";
import { explain } from "../../policies/explain/explain";
import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import { questionOf } from "./predictions";

/** A mesh that does exactly what a model says, with chance where the model has shares. */

const nowhere: Omit<ProxyRecord, "status" | "details"> = {
  proxy: { kind: "sidecar", namespace: "any", pod: "client", side: "outbound" },
  ...{ flags: [], connection: "", authority: "", method: "", path: "", upstreamCluster: "", upstreamHost: "" },
  ...{
    attempts: 1,
    route: "",
    start: 0,
    client: "",
    clientCertificateEnd: 3600,
    server: "",
    seconds: 0,
    isMirrored: false,
  },
};

/** What a request of a series comes to; `others` of them are on their way. */
export function observe(model: PolicyModel, series: Series, random: Random, others: number): Observation {
  const question = questionOf(model, series);
  if (!question) throw new Error(`no question is known for ${series.title}`);
  const { outcome, applied } = explain(model, question);
  const rule: HttpRuleSettings = applied[0]?.rule ?? {};
  const owner = applied[0]?.owner;
  const name = owner?.name ?? question.to.split("/")[1] ?? "";
  const target = model.names.workload(name, owner?.namespace ?? question.to.split("/")[0]);
  const happens = (percentage = 0) => random.uniform() * 100 < percentage;
  const seconds = happens(rule.fault?.delay?.percentage)
    ? milliseconds(rule.fault?.delay?.fixedDelay ?? "0s") / 1000 + 0.01
    : 0.01;
  const ended = (status: number, details: string): Observation => {
    return {
      status,
      exitCode: 0,
      connected: true,
      seconds,
      headers: { server: "istio-envoy" },
      records: [{ ...nowhere, status, details }],
    };
  };
  if (outcome === "no route") return ended(404, "route_not_found");
  if (outcome === "answered") return ended(rule.redirect?.redirectCode ?? 301, "direct_response");
  const { abort } = rule.fault ?? {};
  if (abort && happens(abort.percentage)) return ended(abort.httpStatus ?? 200, "fault_filter_abort");
  const { tcp, http } = model.services.find((one) => one.name === name)?.trafficPolicy?.connectionPool ?? {};
  const limit = (tcp?.maxConnections ?? Infinity) + (http?.http1MaxPendingRequests ?? Infinity);
  if (others > limit && happens(30)) return ended(503, "upstream_reset_before_response_started{overflow}");
  const version = chosen(rule.route as Readonly<Record<string, number>> | undefined, target.versions, random);
  const upstream = {
    namespace: target.namespace,
    pod: `${name}-${version}-x`,
    workload: `${target.namespace}/${name}`,
    version,
  };
  const copies = [...(rule.mirror ? [rule.mirror] : []), ...(rule.mirrors ?? [])].filter((one) =>
    happens(one.percentage),
  );
  const status = outcome === "denied" ? 403 : 200;
  const removed = (rule.headers?.response?.remove ?? []).map((one) => one.toLowerCase());
  const headers = Object.entries({ server: "istio-envoy", "x-envoy-upstream-service-time": "1" });
  const passed = { ...nowhere, status, details: "via_upstream" };
  const atServer = { ...nowhere.proxy, side: "inbound" as const };
  const details = outcome === "denied" ? "rbac_access_denied_matched_policy[none]" : "via_upstream";
  return {
    status,
    exitCode: 0,
    connected: true,
    seconds,
    headers: Object.fromEntries(headers.filter(([header]) => !removed.includes(header))),
    records: [
      { ...passed, upstream },
      { ...passed, proxy: atServer, details },
      ...copies.map(({ subset = version }) => ({
        ...passed,
        proxy: atServer,
        isMirrored: true,
        upstream: { ...upstream, version: subset },
      })),
    ],
  };
}

function chosen(
  route: Readonly<Record<string, number>> | undefined,
  versions: readonly string[],
  random: Random,
): string {
  const all = Object.entries(route ?? Object.fromEntries(versions.map((version) => [version, 100 / versions.length])));
  let left = random.uniform() * 100;
  for (const [version, weight] of all) {
    left -= weight;
    if (left < 0) return version;
  }
  return all.at(-1)?.[0] ?? "";
}
