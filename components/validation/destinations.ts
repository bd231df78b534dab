import { destinationTitle, type NamedDestination } from "../../policies/destinations";
import type { Names } from "../model/names";
import type { RouteTarget } from "../model/policies/policy-model";
import { RouteTargets } from "../model/policies/route-targets";
import type { DestinationSettings, HttpRuleSettings } from "../settings/sections/http-rule";
import type { TrafficServiceSettings } from "../settings/sections/traffic";
import { suggestion } from "../settings/wording";
import { duplicates, type Problem, problemsOf, type Refusal, type SettingPath } from "../shared/problem";
import { checkEach, groupKnown, runChecks, throwUnknown } from "../shared/unknown";
import { isEncrypted, isHttp, onlyPort, type ServicePort } from "../shared/workload";
import { serviceKey } from "./traffic";
import { type Check, problemsOfEach, refuse, unknownWorkload } from "./check";

/** Rules of services in the mesh and outside it. */
const lists = ["traffic.services.*.http.*", "traffic.externalServices.*.http.*"] as const;

/** Where rules send requests: what `route`, `mirror` and `mirrors` name. */
export const destinationChecks: readonly Check[] = [
  ...lists.flatMap((http) =>
    ([`${http}.mirror`, `${http}.mirrors.*`] as const).map((path) =>
      refuse(
        path,
        ({ host, subset }) => host === undefined && subset === undefined,
        "found neither host nor subset; expected one of them: the service itself already gets the request",
      ),
    ),
  ),
  (model) => {
    const { services, externalServices } = model.settings.traffic;
    const keyOf = (service: TrafficServiceSettings) => serviceKey(service, model.names);
    const { complete } = groupKnown(() => services, ["traffic", "services"], keyOf);
    const targets = new RouteTargets(model.policies, complete);
    return runChecks(
      () =>
        checkEach(services, ["traffic", "services"], ({ host, namespace, http, tcp, tls }, path) => {
          const workload = model.names.workload(host, namespace);
          const own = targets.named(workload.name, workload.namespace) ?? throwUnknown();
          return ruleProblems({ http, tcp, tls }, path, own, model.names, targets);
        }),
      () =>
        checkEach(externalServices, ["traffic", "externalServices"], ({ http, hosts }, path) => {
          const own = targets.named(hosts[0] ?? throwUnknown(), "") ?? throwUnknown();
          return ruleProblems({ http }, path, own, model.names, targets);
        }),
    );
  },
];

type RoutingRule = Pick<HttpRuleSettings, "route">;
type RuleProblems = (rule: RoutingRule, path: SettingPath) => Iterable<Problem>;

/** Of a service in the mesh, or outside it. */
type Rules = Pick<TrafficServiceSettings, "http"> & Partial<Pick<TrafficServiceSettings, "tcp" | "tls">>;

/** For HTTP, for TCP and for TLS. */
function rulesOf(
  { http, tcp, tls }: Rules,
  path: SettingPath,
  ...problems: readonly RuleProblems[]
): Iterable<Problem> {
  const single: RoutingRule | undefined = Array.isArray(tls) ? undefined : tls;
  return runChecks(
    () => checkEach<RoutingRule, Problem>(http, [...path, "http"], ...problems),
    () => checkEach<RoutingRule, Problem>(tcp, [...path, "tcp"], ...problems),
    () => checkEach<RoutingRule, Problem>(Array.isArray(tls) ? tls : [], [...path, "tls"], ...problems),
    ...problems.map((found) => () => (single ? found(single, [...path, "tls"]) : [])),
  );
}

function weightsRefusal(route: Readonly<Record<string, number>>): Refusal {
  return totalRefusal(Object.entries(route));
}

function totalRefusal(weights: readonly (readonly [name: string, weight: number])[]): Refusal {
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  if (total === 100) return undefined;
  const shown = weights.map(([name, weight]) => `${name} ${weight}`).join(", ") || "none";
  return `weights add up to ${total} (${shown}); expected 100`;
}

function listProblems(route: HttpRuleSettings["route"], path: SettingPath): Iterable<Problem> {
  if (!Array.isArray(route)) return [];
  const at = [...path, "route"];
  const weights = () =>
    route.map((one): [string, number | undefined] => [
      destinationTitle(one),
      one.weight ?? (route.length > 1 ? undefined : 100),
    ]);
  return runChecks(
    () =>
      checkEach(route, at, ({ weight }: DestinationSettings, entry) =>
        problemsOf(
          route.length > 1 &&
            weight === undefined && { weight: "missing; expected the share in percent, as there are several" },
          entry,
        ),
      ),
    () => {
      const given = weights().flatMap(([name, weight]) => (weight === undefined ? [] : [[name, weight] as const]));
      return problemsOf(given.length === route.length && totalRefusal(given), at);
    },
    () =>
      duplicates(
        checkEach(route, at, ({ host, namespace, subset, port }: DestinationSettings, entry) => [
          { path: entry, key: [destinationTitle({ host, namespace, subset }), port].filter(Boolean).join(":") },
        ]),
        "destination",
      ),
  );
}

/** The ports of another service that rules of a list may mean. */
function servedBy(list: string): (port: ServicePort) => boolean {
  return list === "tcp" ? ({ protocol }) => protocol === "tcp" : list === "tls" ? isEncrypted : isHttp;
}

/** A request keeps its port on the way to the service itself; another service may have others. */
function portRefusal(
  { host, port }: NamedDestination,
  { name, ports }: RouteTarget,
  isMeant: (port: ServicePort) => boolean,
): Refusal {
  const known = ports.map((one) => one.port);
  const has = `${name} has ${known.length > 1 ? "the ports" : "port"} ${known.join(", ")}`;
  if (port !== undefined) return !known.includes(port) && `found ${port}; ${has}`;
  if (host === undefined || onlyPort(ports, isMeant) !== undefined) return undefined;
  return `missing; ${has}; expected one of them`;
}

function ruleProblems(
  rules: Rules,
  path: SettingPath,
  own: RouteTarget,
  names: Names,
  targets: RouteTargets,
): Iterable<Problem> {
  const subset = (named: NamedDestination): Refusal => {
    const target = named.subset === undefined ? undefined : targets.find(own, named);
    if (!target || named.subset === undefined) return undefined;
    const versions = target.host === undefined ? names.workload(target.name, target.namespace).versions : [];
    const known = [...new Set([...target.subsets.map(({ name }) => name), ...versions])];
    const whose = named.host === undefined ? "the service" : target.name;
    return (
      !known.includes(named.subset) &&
      `found ${named.subset}; ${whose} has no such version or subset; ${suggestion(named.subset, known)}`
    );
  };
  const entry = (named: NamedDestination, at: SettingPath): Refusal => {
    const isMeant = servedBy(String(at[path.length]));
    if (named.host === undefined && named.namespace !== undefined)
      return { namespace: "found without host; expected host next to it, or neither" };
    const target = targets.find(own, named);
    if (!target) return unknownWorkload(names, { ...named, namespace: named.namespace ?? own.namespace }, "host");
    return {
      subset: subset(named),
      port: portRefusal(named, target, isMeant),
    };
  };
  const weights = (route: object = {}) =>
    Object.fromEntries(Object.keys(route).map((name) => [name, subset({ subset: name })]));
  return runChecks(
    () =>
      rulesOf(
        rules,
        path,
        ({ route }, at) => problemsOf(route && !Array.isArray(route) && { route: weightsRefusal(route) }, at),
        ({ route }, at) => listProblems(route, at),
        ({ route }, at) =>
          Array.isArray(route)
            ? problemsOfEach(route, [...at, "route"], (named) => entry(named, at))
            : problemsOf({ route: weights(route) }, at),
      ),
    () =>
      checkEach(
        rules.http,
        [...path, "http"],
        ({ mirror }, at) => problemsOf(mirror && { mirror: entry(mirror, at) }, at),
        ({ mirrors }, at) => problemsOfEach(mirrors, [...at, "mirrors"], (named) => entry(named, at)),
      ),
  );
}
