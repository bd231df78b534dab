import type { Match } from "../../model/matches";
import { workloadKey } from "../../model/names";
import type { RateLimit } from "../../model/policies/policy-model";
import type { TokenBucket } from "../../settings/sections/rate-limits";
import { milliseconds } from "../../shared/duration";
import type { SettingPath } from "../../shared/problem";
import { isHttp, onlyPort } from "../../shared/workload";
import type { Answer, PlanContext, Probe } from "../probe";
import { type Entry, gatewayEntries, meshEntries, titleOf } from "../requests/entries";
import { type Found, findRequest } from "../requests/find";
import { objectsFor } from "../requests/outcomes";
import { sent } from "./routes";

/** Each proxy has a bucket of its own: so many are counted with, as the number of pods is no setting. */
const proxiesOfVersion = 3;

/** More requests in a short time than its bucket has tokens. */
export function rateLimits(context: PlanContext): Probe[] {
  return context.model.policies.rateLimits.flatMap((limit) => {
    const { tokenBucket, descriptors = [] } = limit.settings;
    const { path } = limit;
    if (!tokenBucket) return [globalProbe(context, limit)];
    return [
      bucketProbe(context, limit, tokenBucket, {}, [...path, "tokenBucket"]),
      ...descriptors.map(({ match: { ignoreUriCase, ...match }, tokenBucket: own }, index) =>
        bucketProbe(context, limit, own, { ...match, ...(ignoreUriCase && { ignoreUriCase }) }, [
          ...path,
          "descriptors",
          index,
          "tokenBucket",
        ]),
      ),
    ];
  });
}

function about(
  { model: { policies } }: PlanContext,
  { target, settings: { port, route } }: RateLimit,
  path: SettingPath,
) {
  const of = [
    ...(port === undefined ? [] : [`port ${port}`]),
    ...(route === undefined ? [] : [`route ${route}`]),
    ...(path[3] === "descriptors" ? [`descriptor ${path[4]}`] : []),
  ];
  const objects = policies.rateLimits.filter((other) => other.target === target).map((other) => other.path);
  return {
    name: ["rate-limits", target.title, `[${path[2]}]`, ...of].join(" "),
    kind: "rate-limits" as const,
    path,
    objects: objects.flatMap((one) => objectsFor(policies, one, ["EnvoyFilter"])),
  };
}

function bucketProbe(
  context: PlanContext,
  limit: RateLimit,
  { maxTokens, tokensPerFill = maxTokens, fillInterval }: TokenBucket,
  match: Match,
  path: SettingPath,
): Probe {
  const { requestsPerSecond, maxRequests } = context.settings;
  const { target } = limit;
  const versions = Math.max(1, ...target.workloads.slice(0, 1).map((workload) => workload.versions.length));
  const proxies = proxiesOfVersion * versions;
  const refill = (tokensPerFill * 1000) / milliseconds(fillInterval);
  const left = 1 - (proxies * refill) / requestsPerSecond;
  const count = Math.ceil((1.5 * proxies * maxTokens) / left);
  const base = {
    ...about(context, limit, path),
    expectation: `${maxTokens} requests at once pass a proxy, and ${tokensPerFill} every ${fillInterval}; others get 429`,
  };
  if (left < 0.2) {
    const notMeasurable = `${proxies} proxies pass ${Math.round(proxies * refill)} requests a second, and verification.requestsPerSecond is ${requestsPerSecond}`;
    return { ...base, series: [], notMeasurable };
  }
  if (count > maxRequests / 4) {
    const notMeasurable = `it takes ${count} requests, more than a quarter of verification.maxRequests (${maxRequests})`;
    return { ...base, series: [], notMeasurable };
  }
  const found = requestTo(context, limit, match);
  if ("reason" in found) return { ...base, series: [], notMeasurable: found.reason };
  const { asked } = found;
  const answers: Answer[] =
    asked.explanation.outcome === "denied" ? ["application", "denied", "token refused"] : ["application", "rule"];
  // A bucket that is empty already passes none until it is filled again.
  const passed = { outcome: { title: "passed", answers }, atLeast: 0 };
  const limited = { outcome: { title: "429", answers: ["rate limited"] as const, status: [429] }, atLeast: 1 };
  return {
    ...base,
    alone: true,
    disturbs: "users get 429 until its buckets are filled again",
    series: [{ ...sent(asked, "effect"), count, expect: { kind: "some", outcomes: [passed, limited] } }],
  };
}

/** To what the limit is for: from a client in the mesh that may, else through a gateway. */
function requestTo(context: PlanContext, { target, settings: { port, route } }: RateLimit, match: Match): Found {
  const { policies } = context.model;
  const gateways = gatewayEntries(policies);
  if (target.kind === "gateway") {
    const entries = gateways.filter(({ exposed }) => exposed?.gateway.name === target.name);
    return firstFound(context, entries, (entry) =>
      entry.rules
        .filter(({ rule }) => route === undefined || rule.name === route)
        .flatMap(({ rule, path }) => (rule.match ?? [{}]).map((one) => ({ match: { ...one, ...match }, taken: path }))),
    );
  }
  const keys = target.workloads.map(workloadKey);
  const own = policies.workloads
    .filter((workload) => keys.includes(workloadKey(workload)))
    .flatMap((workload): Entry[] => {
      const service = policies.services.find((one) => workloadKey(one) === workloadKey(workload));
      const at = port ?? onlyPort(workload.ports, isHttp) ?? workload.ports.find(isHttp)?.port;
      const known = meshEntries(policies).find((entry) => entry.service === service && entry.port === at);
      if (known) return [known];
      if (at === undefined) return [];
      const unruled = service ?? { ...workload, ...noRules };
      return [
        { title: titleOf(workload, policies.names.defaultNamespace), service: unruled, from: [], rules: [], port: at },
      ];
    });
  const through = gateways.filter(({ service }) => keys.includes(workloadKey(service)));
  return firstFound(context, [...own, ...through], () => [{ match }]);
}

const noRules = {
  paths: [],
  subsets: [],
  meshRules: [],
  meshPath: [],
  meshTcp: [],
  meshTls: [],
  exposures: [],
} as const;

function firstFound(
  context: PlanContext,
  entries: readonly Entry[],
  wanted: (entry: Entry) => readonly Parameters<typeof findRequest>[2][],
): Found {
  let reason = "nothing leads to it";
  for (const entry of entries) {
    for (const one of wanted(entry)) {
      const found = findRequest(context, entry, one);
      if ("asked" in found) return found;
      reason = found.reason;
    }
  }
  return { reason };
}

function globalProbe(context: PlanContext, limit: RateLimit): Probe {
  return {
    ...about(context, limit, limit.path),
    expectation: "429 above the limits of rateLimitService",
    series: [],
    notMeasurable: "its limits are those of the service that counts, which the settings do not have",
  };
}
