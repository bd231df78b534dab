import type { LoadBalancerSettings } from "../settings/sections/traffic-policy";
import type { Refusal } from "../shared/problem";
import { atMostOne, type Check, notEmpty, refuse, rule, unique } from "./check";

const policies = [
  "traffic.services.*.trafficPolicy",
  "traffic.services.*.subsets.*.trafficPolicy",
  "traffic.externalServices.*.trafficPolicy",
  "traffic.externalServices.*.subsets.*.trafficPolicy",
] as const;

const localityKeys = ["distribute", "failover", "failoverPriority"] as const;

export const trafficPolicyChecks: readonly Check[] = policies.flatMap((policy) => [
  unique(`${policy}.portLevelSettings.*.port.number`, "port", policy),
  refuse(
    `${policy}.portLevelSettings.*`,
    (settings) => Object.keys(settings).length === 1,
    "expected at least one of: connectionPool, outlierDetection, loadBalancer, tls",
  ),
  ...([policy, `${policy}.portLevelSettings.*`] as const).flatMap((path) => [
    notEmpty(`${path}.connectionPool` as const, ["tcp", "http"]),
    refuse(
      `${path}.outlierDetection` as const,
      ({ consecutiveLocalOriginFailures = 0, splitExternalLocalOriginErrors }) =>
        consecutiveLocalOriginFailures > 0 && splitExternalLocalOriginErrors !== true,
      { consecutiveLocalOriginFailures: "counts only with splitExternalLocalOriginErrors: true; add it" },
    ),
    ...loadBalancerChecks(path),
  ]),
]);

function loadBalancerChecks(
  path: (typeof policies)[number] | `${(typeof policies)[number]}.portLevelSettings.*`,
): Check[] {
  const loadBalancer = `${path}.loadBalancer` as const;
  const locality = `${loadBalancer}.localityLbSetting` as const;
  return [
    refuse(
      loadBalancer,
      (given) => Object.keys(given).length === 0,
      "found nothing; expected simple, consistentHash, localityLbSetting or warmup",
    ),
    refuse(
      loadBalancer,
      ({ consistentHash, simple }) => consistentHash !== undefined && simple !== undefined,
      "found simple and consistentHash; expected one of them",
    ),
    atMostOne(`${loadBalancer}.consistentHash` as const, ["ringHash", "maglev"]),
    rule(
      `${loadBalancer}.consistentHash.maglev.tableSize` as const,
      (size) => !isPrime(size) && `found ${size}; expected a prime number`,
    ),
    atMostOne(locality, localityKeys),
    rule(`${locality}.distribute.*`, ({ from, to }) => {
      const total = Object.values(to).reduce((sum, share) => sum + share, 0);
      return total !== 100 && { to: `shares from ${from} add up to ${total}; expected 100` };
    }),
    rule(
      `${locality}.failover.*` as const,
      ({ from, to }) => from === to && `found ${from} twice; expected another region to fail over to`,
    ),
    refuse(
      path,
      ({ loadBalancer: given, outlierDetection }) => {
        const { enabled, distribute } = given?.localityLbSetting ?? { enabled: false };
        return enabled !== false && !distribute && !outlierDetection;
      },
      {
        loadBalancer: {
          localityLbSetting:
            "fails over only where unhealthy pods are detected; add outlierDetection next to loadBalancer",
        },
      },
    ),
    rule(loadBalancer, warmup),
  ];
}

function warmup({ warmup: given, simple, consistentHash }: LoadBalancerSettings): Refusal {
  const other = simple === "RANDOM" || simple === "PASSTHROUGH" ? simple : consistentHash && "consistentHash";
  if (!given || other === undefined) return undefined;
  return { warmup: `goes with ROUND_ROBIN and LEAST_REQUEST only; found ${other}` };
}

function isPrime(number: number): boolean {
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return number > 1;
}
