import { ambientRefusal } from "../../../policies/capabilities";
import { targetKey } from "../../model/names";
import { isIstioGateway, type PolicyModel, type RateLimit } from "../../model/policies/policy-model";
import { suggestion } from "../../settings/wording";
import { milliseconds } from "../../shared/duration";
import { duplicates, type Problem, type Refusal } from "../../shared/problem";
import { isHttp } from "../../shared/workload";
import { checkEach, ifKnown, knownEntries } from "../../shared/unknown";
import { problemsAt, problemsOfEach } from "../check";

/** Rate limits that Envoy or istiod would not enforce. */
export function* rateLimitProblems(model: PolicyModel): Iterable<Problem> {
  const { rateLimits } = model;
  yield* problemsAt(
    rateLimits,
    ({ target: { workloads } }) =>
      workloads.some(({ dataPlane }) => dataPlane === "ambient") && ambientRefusal("rateLimits"),
    ({ target: { kind, namespace, gateways } }) =>
      kind === "namespace" &&
      gateways.length > 0 && {
        workload: `gateway ${gateways[0]?.name} of namespace ${namespace} would have no limit; name the workloads one by one`,
      },
    portOf,
    (limit) => routeOf(limit, model),
    ({ settings: { tokenBucket } }) =>
      tokenBucket && { tokenBucket: { fillInterval: tooShort(tokenBucket.fillInterval) } },
    ({ settings: { actions } }) =>
      actions && !model.rateLimitService && { actions: "nothing counts them; set talos-mesh:traffic.rateLimitService" },
    ({ settings: { actions, ...local } }) => {
      if (!actions) return undefined;
      const fields = (["descriptors", "responseHeaders", "enableXRatelimitHeaders"] as const).filter(
        (key) => local[key],
      );
      return Object.fromEntries(fields.map((field) => [field, "goes with tokenBucket only; remove it"]));
    },
    (limit) => mixed(limit, rateLimits),
  );
  yield* checkEach(rateLimits, [], ({ path, settings: { tokenBucket, descriptors } }) => {
    const names = new Set<string>();
    return problemsOfEach(descriptors, [...path, "descriptors"], (one) => descriptorOf(one, tokenBucket, names));
  });
  const buckets = checkEach(rateLimits, [], ({ path, target, settings: { tokenBucket, port, route } }) => {
    const within = JSON.stringify([targetKey(target), port, route]);
    return tokenBucket ? [{ path, key: target.title, within }] : [];
  });
  yield* duplicates(buckets, "a bucket for the same requests of");
}

function portOf({ target: { kind, workloads }, settings: { port } }: RateLimit): Refusal {
  if (port === undefined) return undefined;
  if (kind === "gateway") return { port: "a gateway limits all of its ports; remove it, or name a route" };
  const [without] = workloads.filter(({ ports }) => !ports.some((one) => one.port === port && isHttp(one)));
  const known = without?.ports.filter(isHttp).map((one) => one.port);
  return known && { port: `found ${port}; the ports of ${without?.name} with HTTP: ${known.join(", ") || "none"}` };
}

/** Of several routes with one name, all would be limited. */
function routeOf({ target, settings }: RateLimit, { services }: PolicyModel): Refusal {
  const { route } = settings;
  if (route === undefined) return undefined;
  const [gateway] = target.gateways;
  if (target.kind !== "gateway" || !gateway) {
    return { route: "a workload's own proxy has no routes; remove it, or use descriptors" };
  }
  if (!isIstioGateway(gateway)) {
    return { route: `gateway ${gateway.name} of kind gateway-api gives its routes names of its own; remove it` };
  }
  const rules = services.flatMap(({ exposures }) =>
    exposures.filter((one) => one.gateway.name === gateway.name).flatMap((one) => one.rules),
  );
  const [rule, second] = rules.filter(({ name }) => name === route);
  if (second) return { route: `found ${route}, the name of several rules at this gateway; give each its own` };
  if (rule) {
    const answer = (["redirect", "directResponse"] as const).find((field) => rule[field] !== undefined);
    if (!answer || !(settings.actions ?? settings.descriptors)) return undefined;
    return {
      route: `found ${route}, a rule with ${answer}, for which Envoy has no descriptors; use tokenBucket alone`,
    };
  }
  const named = [...new Set(rules.flatMap(({ name }) => name ?? []))];
  const hint = named.length > 0 ? suggestion(route, named) : "give the rule a name";
  return { route: `found ${route}; no rule of a service at gateway ${gateway.name} has this name; ${hint}` };
}

/** Source: envoyproxy/envoy, source/extensions/filters/common/local_ratelimit/local_ratelimit_impl.cc. */
function tooShort(interval: string): Refusal {
  return milliseconds(interval) < 50 && `found ${interval}; expected at least 50ms`;
}

type Descriptor = NonNullable<RateLimit["settings"]["descriptors"]>[number];

/** @param names of earlier descriptors of the same bucket */
function descriptorOf(
  { name, match, tokenBucket: { fillInterval } }: Descriptor,
  whole: RateLimit["settings"]["tokenBucket"],
  names: Set<string>,
): Refusal {
  const again = names.has(name);
  names.add(name);
  const isMultiple = !whole || milliseconds(fillInterval) % milliseconds(whole.fillInterval) === 0;
  return {
    name: again && `descriptor ${name} already exists; give each its own name`,
    match: Object.keys(match).length === 0 && "found no condition; expected at least one",
    tokenBucket: {
      fillInterval: [
        tooShort(fillInterval),
        !isMultiple && `found ${fillInterval}; Envoy expects a multiple of that of the entry, ${whole.fillInterval}`,
      ],
    },
  };
}

/** Both kinds count by the same actions of a route, and a bucket with descriptors for all routes would hide others. */
function mixed({ target, settings }: RateLimit, all: readonly RateLimit[]): Refusal {
  if (!settings.descriptors) return undefined;
  const others = knownEntries(all)
    .map(([, one]) => one)
    .filter((one) => one.settings !== settings && ifKnown(() => targetKey(one.target)) === targetKey(target));
  if (others.some((one) => one.settings.actions)) {
    return {
      descriptors: `${target.title} also has limits with actions, which use the same descriptors; keep one kind`,
    };
  }
  const isForAll = settings.port === undefined && settings.route === undefined;
  return (
    isForAll &&
    others.length > 0 && {
      descriptors: `are for all requests of ${target.title}, and other limits for some of them; give each a port or a route`,
    }
  );
}
