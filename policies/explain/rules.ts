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
import type { ExplainedRequest } from "./request";

/** The route of the gateway for the host that the request names, or else for the first. */
export function sharedRoute(
  { services }: PolicyModel,
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
}

export function owned(rules: readonly HttpRuleSettings[], path: SettingPath, owner: RouteTarget): OwnedRule[] {
  return rules.map((rule, index) => ({ rule, path: [...path, index], owner }));
}

export type AnyRule = AccessRule | ExternalRule | TokenRules | RateLimit;

export function ofTarget<Rule extends AnyRule>(rules: readonly Rule[], target: PolicyTarget): Rule[] {
  return rules.filter((rule) => covers(rule.target, target));
}

export function partition<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
