import { proxyExamples } from "../proxy-examples";
import type { Scenarios } from "./scenario";

export const proxyScenarios: Scenarios = {
  proxies: {
    settings: { mesh: { ...proxyExamples.sidecarHosts.settings.mesh, ...proxyExamples.proxyConfig.settings.mesh } },
  },
};
