import { type GatewayRoute, gatewayRoutes } from "../../components/model/policies/gateway-routes";
import { covers, type PolicyTarget } from "../../components/model/names";
import type {
  AccessRule,
  Exposure,
  ExternalRule,
  PolicyModel,
  RateLimit,
  RouteTarget,
  TokenRules,
} from "../../components/model/policies/policy-model";
import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import type { SettingPath } from "../../components/shared/problem";
import { throwUnknown } from "../../components/shared/unknown";
import type { ExplainedRequest, Step } from "./request";

/** The route of the gateway for the host that the request names, or else for the first. */
export function sharedRoute(
  { services }: Pick<PolicyModel, "services">,
  exposure: Exposure,
  { headers }: ExplainedRequest,
): GatewayRoute {
  const routes = gatewayRoutes(services).filter(({ parts }) => parts.some((part) => part.exposure === exposure));
  return routes.find(({ hosts }) => hosts.includes(headers.get("host") ?? "")) ?? routes[0] ?? throwUnknown();
}

/** A rule, and the service that it is for. */
export interface OwnedRule {
  readonly rule: HttpRuleSettings;
  readonly path: SettingPath;
  readonly owner: RouteTarget;
  /** Of the owner, where the rule names none. @default the one that the client calls */
  readonly port?: number | undefined;
}

export function owned(rules: readonly HttpRuleSettings[], path: SettingPath, owner: RouteTarget): OwnedRule[] {
  return rules.map((rule, index) => ({ rule, path: [...path, index], owner }));
}

export type AnyRule = AccessRule | ExternalRule | TokenRules | RateLimit;

export function ofTarget<Rule extends AnyRule>(rules: readonly Rule[], target: PolicyTarget): Rule[] {
  return rules.filter((rule) => covers(rule.target, target));
}

/** A limit decides only where there are more requests than this one. */
export function limitSteps(limits: readonly RateLimit[], target: PolicyTarget, request: ExplainedRequest): Step[] {
  return limits.flatMap(({ path, settings }) => {
    const { tokenBucket, port = request.port, route } = settings;
    if (port !== request.port) return [];
    const requests = route === undefined ? "requests" : `requests of rule ${route}`;
    const { maxTokens, tokensPerFill = maxTokens, fillInterval } = tokenBucket ?? {};
    const passes = `${maxTokens} ${requests} at once, and ${tokensPerFill} every ${fillInterval}`;
    const limit = tokenBucket
      ? `each proxy of ${target.title} passes ${passes}`
      : `rateLimitService counts ${requests}`;
    return [{ what: `${limit}; above the limit: 429`, path }];
  });
}

export function partition<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
