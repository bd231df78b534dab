import { capabilities } from "../capabilities";
import type { Problems } from "../problems";
import type { MeshService, Offer, ResolvedModel } from "../resolve/resolved";
import { isIstioGateway } from "../istio-api/gateways";
import { checkRule, checkSize, checkSubsets, checkVersionsOf, type Refusal } from "./check-routes";
import { checkOrder } from "./order";

/** How many hosts fit into a HTTPRoute. */
const mostHosts = 16;

/** Refuses what services offered at a gateway of kind `gateway-api` ask for and a HTTPRoute does not have. */
export function checkGatewayRoutes({ services }: ResolvedModel, problems: Problems): void {
  for (const service of services) {
    // An entry for several such gateways is judged once.
    const byPath = new Map(
      service.offers.filter(({ gateway }) => !isIstioGateway(gateway)).map((offer) => [offer.path, offer]),
    );
    if (byPath.size > 0 && !service.waypoint) checkSubsets(service, problems);
    for (const offer of byPath.values()) checkOffer(service, offer, problems);
  }
}

function checkOffer(service: MeshService, { path, gateway, rules, hosts }: Offer, problems: Problems): void {
  const instead = `set kind: chart for gateways.${gateway.name}, whose VirtualServices have it`;
  const refuse: Refusal = (demand) =>
    `not at a gateway of kind gateway-api: ${capabilities[demand].ambient.refused}; ${instead}`;
  for (const [index, rule] of rules.entries()) {
    const at = `${path}.http[${index}]`;
    checkRule(rule, at, problems, refuse);
    if (rule.fault) {
      problems.add(`${at}.fault`, `not at a gateway of kind gateway-api: Gateway API has no faults; ${instead}`);
    }
    checkVersionsOf(service, rule, at, problems);
  }
  checkSize({ name: service.name, rules, path: `${path}.http` }, problems);
  checkOrder(rules, `${path}.http`, problems);
  if (hosts.length > mostHosts) {
    problems.add(
      `${path}.hosts`,
      `found ${hosts.length}; a HTTPRoute has at most ${mostHosts}; offer a wildcard, or ${instead}`,
    );
  }
}
