import type { LoadBalancerSettings, TrafficPolicySettings } from "../settings/sections/traffic-policy";
import { duplicates, type Problem, type SettingPath } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";

/** Checks of the traffic policy of a service or subset. */
export function* trafficPolicyProblems(policy: TrafficPolicySettings, path: SettingPath): Iterable<Problem> {
  const ports = [...path, "portLevelSettings"];
  yield* runChecks(
    () => loadBalancerProblems(policy, path),
    () => checkEach(policy.portLevelSettings, ports, portSettings, loadBalancerProblems),
    () =>
      duplicates(
        checkEach(policy.portLevelSettings, ports, ({ port }, at) => [
          { path: [...at, "port", "number"], key: port.number },
        ]),
        "port",
      ),
  );
}

type Settings = Omit<TrafficPolicySettings, "portLevelSettings">;

function* portSettings(given: Settings, path: SettingPath): Iterable<Problem> {
  if (given.connectionPool || given.outlierDetection || given.loadBalancer) return;
  yield { path, message: "expected at least one of: connectionPool, outlierDetection, loadBalancer" };
}

function* loadBalancerProblems(settings: Settings, path: SettingPath): Iterable<Problem> {
  const { loadBalancer } = settings;
  if (!loadBalancer) return;
  const at = [...path, "loadBalancer"];
  yield* runChecks(
    () => notEmpty(loadBalancer, at),
    () => hash(loadBalancer, at),
    () => ringHash(loadBalancer, at),
    () => tableSize(loadBalancer, at),
    () => locality(loadBalancer, at),
    () => failover(settings, at),
    () => warmup(loadBalancer, at),
  );
}

function* notEmpty(loadBalancer: LoadBalancerSettings, path: SettingPath): Iterable<Problem> {
  if (Object.keys(loadBalancer).length > 0) return;
  yield { path, message: "found nothing; expected simple, consistentHash, localityLbSetting or warmup" };
}

const hashKeys = ["httpHeaderName", "httpCookie", "httpQueryParameterName", "useSourceIp"] as const;

function* hash({ consistentHash, simple }: LoadBalancerSettings, path: SettingPath): Iterable<Problem> {
  if (!consistentHash) return;
  if (simple) yield { path, message: "found simple and consistentHash; expected one of them" };
  const keys = hashKeys.filter((key) => consistentHash[key] !== undefined);
  if (keys.length === 1) return;
  yield {
    path: [...path, "consistentHash"],
    message: `found ${keys.join(", ") || "none"}; expected exactly one of: ${hashKeys.join(", ")}`,
  };
}

function* ringHash({ consistentHash }: LoadBalancerSettings, path: SettingPath): Iterable<Problem> {
  if (!consistentHash?.ringHash || !consistentHash.maglev) return;
  yield { path: [...path, "consistentHash"], message: "found ringHash and maglev; expected at most one of them" };
}

function* tableSize({ consistentHash }: LoadBalancerSettings, path: SettingPath): Iterable<Problem> {
  const size = consistentHash?.maglev?.tableSize;
  if (size === undefined || isPrime(size)) return;
  yield {
    path: [...path, "consistentHash", "maglev", "tableSize"],
    message: `found ${size}; expected a prime number`,
  };
}

function isPrime(number: number): boolean {
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return number > 1;
}

const localityKeys = ["distribute", "failover", "failoverPriority"] as const;

function* locality({ localityLbSetting }: LoadBalancerSettings, path: SettingPath): Iterable<Problem> {
  if (!localityLbSetting) return;
  const at = [...path, "localityLbSetting"];
  const given = localityKeys.filter((key) => localityLbSetting[key] !== undefined);
  if (given.length > 1) {
    yield { path: at, message: `found ${given.join(", ")}; expected at most one of: ${localityKeys.join(", ")}` };
  }
  yield* checkEach(localityLbSetting.distribute, [...at, "distribute"], ({ from, to }, entry) => {
    const total = Object.values(to).reduce((sum, share) => sum + share, 0);
    if (total === 100) return [];
    return [{ path: [...entry, "to"], message: `shares from ${from} add up to ${total}; expected 100` }];
  });
  yield* checkEach(localityLbSetting.failover, [...at, "failover"], ({ from, to }, entry) =>
    from === to ? [{ path: entry, message: `found ${from} twice; expected another region to fail over to` }] : [],
  );
}

function* failover({ loadBalancer, outlierDetection }: Settings, path: SettingPath): Iterable<Problem> {
  const given = loadBalancer?.localityLbSetting;
  if (!given || given.enabled === false || given.distribute || outlierDetection) return;
  yield {
    path: [...path, "localityLbSetting"],
    message: "fails over only where unhealthy pods are detected; add outlierDetection next to loadBalancer",
  };
}

function* warmup(
  { warmup: given, simple, consistentHash }: LoadBalancerSettings,
  path: SettingPath,
): Iterable<Problem> {
  if (!given) return;
  const other = simple === "RANDOM" || simple === "PASSTHROUGH" ? simple : consistentHash && "consistentHash";
  if (other === undefined) return;
  yield { path: [...path, "warmup"], message: `goes with ROUND_ROBIN and LEAST_REQUEST only; found ${other}` };
}
