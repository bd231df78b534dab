import type { PolicyModel } from "../../model/policies/policy-model";
import { compareMinor, gatewayApiSince } from "../../settings/versions";

const without = {
  tls: "TLS that it does not decrypt, and TLSRoutes,",
  tcp: "ports for TCP, and TCPRoutes,",
} as const;

/** Why a gateway of kind gateway-api has no listener for connections: istiod would refuse it and serve nothing. */
export function withoutListeners(
  protocol: keyof typeof without,
  { gatewayApi }: Pick<PolicyModel, "gatewayApi">,
  found: string,
): string | undefined {
  if (compareMinor(gatewayApi, gatewayApiSince.connectionListeners) >= 0) return undefined;
  return `${found}; a gateway of kind gateway-api has ${without[protocol]} from Istio 1.31 on; upgrade, or set kind: chart`;
}
