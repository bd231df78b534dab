import type { PolicyModel } from "../../model/policies/policy-model";
import { compareMinor, gatewayApiSince } from "../../settings/versions";

/** Why a gateway of kind gateway-api has no listener of protocol TLS: istiod would refuse the listener and serve nothing. */
export function withoutTlsListeners(
  { gatewayApi }: Pick<PolicyModel, "gatewayApi">,
  found: string,
): string | undefined {
  if (compareMinor(gatewayApi, gatewayApiSince.tlsListeners) >= 0) return undefined;
  return (
    `${found}; a gateway of kind gateway-api has TLS that it does not decrypt, and TLSRoutes, from Istio 1.31 on; ` +
    "upgrade, or set kind: chart"
  );
}
