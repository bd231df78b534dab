import { connectionScenarios } from "./connections";
import { egressScenarios } from "./egress";
import { proxyScenarios } from "./proxies";
import type { Scenarios } from "./scenario";
import { securityScenarios } from "./security";
import { trafficScenarios } from "./traffic";

export const scenarios: Scenarios = {
  ...trafficScenarios,
  ...connectionScenarios,
  ...securityScenarios,
  ...egressScenarios,
  ...proxyScenarios,
};
