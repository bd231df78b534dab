import type { Problem, SettingPath } from "../../shared/problem";
import type { LoadBalancerSettings, TrafficPolicySettings } from "../../settings/sections/traffic-policy";
import { duplicates } from "./duplicates";

type Settings = Omit<TrafficPolicySettings, "portLevelSettings">;
type Locality = NonNullable<LoadBalancerSettings["localityLbSetting"]>;

const hashKeys = ["httpHeaderName", "httpCookie", "httpQueryParameterName", "useSourceIp"] as const;
const localityKeys = ["distribute", "failover", "failoverPriority"] as const;

function isPrime(number: number): boolean {
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return number > 1;
}

function* hashProblems({ consistentHash, simple }: LoadBalancerSettings, path: SettingPath): Iterable<Problem> {
  if (!consistentHash) return;
  if (simple) yield { path, message: "found simple and consistentHash; expected one of them" };
  const keys = hashKeys.filter((key) => consistentHash[key] !== undefined);
  const at = [...path, "consistentHash"];
  if (keys.length !== 1) {
    const found = keys.join(", ") || "none";
    yield { path: at, message: `found ${found}; expected exactly one of: ${hashKeys.join(", ")}` };
  }
  if (consistentHash.ringHash && consistentHash.maglev) {
    yield { path: at, message: "found ringHash and maglev; expected at most one of them" };
  }
  const size = consistentHash.maglev?.tableSize;
  if (size !== undefined && !isPrime(size)) {
    yield { path: [...at, "maglev", "tableSize"], message: `found ${size}; expected a prime number` };
  }
}

function* localityProblems(locality: Locality, outliers: boolean, path: SettingPath): Iterable<Problem> {
  const given = localityKeys.filter((key) => locality[key] !== undefined);
  if (given.length > 1) {
    yield { path, message: `found ${given.join(", ")}; expected at most one of: ${localityKeys.join(", ")}` };
  }
  for (const [index, { from, to }] of (locality.distribute ?? []).entries()) {
    const total = Object.values(to).reduce((sum, share) => sum + share, 0);
    if (total === 100) continue;
    yield {
      path: [...path, "distribute", index, "to"],
      message: `shares from ${from} add up to ${total}; expected 100`,
    };
  }
  for (const [index, { from, to }] of (locality.failover ?? []).entries()) {
    if (from !== to) continue;
    yield {
      path: [...path, "failover", index],
      message: `found ${from} twice; expected another region to fail over to`,
    };
  }
  if (locality.enabled !== false && !locality.distribute && !outliers) {
    yield {
      path,
      message: "fails over only where unhealthy pods are noticed; add outlierDetection beside loadBalancer",
    };
  }
}

function* settingsProblems({ loadBalancer, outlierDetection }: Settings, path: SettingPath): Iterable<Problem> {
  if (!loadBalancer) return;
  const at = [...path, "loadBalancer"];
  if (Object.keys(loadBalancer).length === 0) {
    yield { path: at, message: "found nothing; expected simple, consistentHash, localityLbSetting or warmup" };
  }
  yield* hashProblems(loadBalancer, at);
  const { localityLbSetting: locality, warmup, simple } = loadBalancer;
  if (locality) yield* localityProblems(locality, outlierDetection !== undefined, [...at, "localityLbSetting"]);
  if (warmup && simple !== undefined && simple !== "ROUND_ROBIN" && simple !== "LEAST_REQUEST") {
    yield { path: [...at, "warmup"], message: `goes with ROUND_ROBIN and LEAST_REQUEST only; found ${simple}` };
  } else if (warmup && loadBalancer.consistentHash) {
    yield { path: [...at, "warmup"], message: "goes with ROUND_ROBIN and LEAST_REQUEST only; found consistentHash" };
  }
}

/** Problems of the traffic policy of a service or subset. */
export function* trafficPolicyProblems(policy: TrafficPolicySettings, path: SettingPath): Iterable<Problem> {
  yield* settingsProblems(policy, path);
  const ports = policy.portLevelSettings ?? [];
  for (const [index, given] of ports.entries()) {
    const at = [...path, "portLevelSettings", index];
    if (!given.connectionPool && !given.outlierDetection && !given.loadBalancer) {
      yield { path: at, message: "expected at least one of: connectionPool, outlierDetection, loadBalancer" };
    }
    yield* settingsProblems(given, at);
  }
  yield* duplicates(
    ports.map(({ port }, index) => ({
      path: [...path, "portLevelSettings", index, "port", "number"],
      key: port.number,
    })),
    "port",
  );
}
