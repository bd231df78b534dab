import type { JwtSettings } from "../../components/settings/sections/security";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { ResolvedModel, Target } from "../resolve/resolved";
import { type Attachment, bySelector } from "./authorization";
import { type IstioSpecs, istioObject } from "./istio-object";

type JwtRule = NonNullable<IstioSpecs["RequestAuthentication"]["jwtRules"]>[number];

/**
 * Whose tokens a workload takes: one object for each workload. That a request must have a token is the DENY beside it
 * (`tokenDenials`).
 *
 * https://istio.io/latest/docs/reference/config/security/request_authentication/
 */
export function compileRequestAuthentication(
  model: ResolvedModel,
): KubernetesObject<IstioSpecs["RequestAuthentication"]>[] {
  return requestAuthentications(model, ({ dataPlane }) => dataPlane !== "ambient", bySelector);
}

export function requestAuthentications(
  model: ResolvedModel,
  here: (target: Target) => boolean,
  attachment: Attachment,
): KubernetesObject<IstioSpecs["RequestAuthentication"]>[] {
  return model.tokenRules
    .filter(({ target }) => here(target))
    .map(({ target, issuers }) =>
      istioObject(
        "RequestAuthentication",
        { namespace: target.namespace, name: `${target.name}.jwt` },
        { ...attachment(target), jwtRules: issuers.map(jwtRule) },
      ),
    );
}

function jwtRule({ issuer, audiences, jwksUri, jwks, forwardOriginalToken, claimsToHeaders }: JwtSettings): JwtRule {
  const headers = Object.entries(claimsToHeaders ?? {}).map(([claim, header]) => ({ header, claim }));
  return {
    issuer,
    ...(audiences.length > 0 && { audiences }),
    ...(jwksUri !== undefined && { jwksUri }),
    // Compact: the object is read in listings, and its whitespace means nothing.
    ...(jwks !== undefined && { jwks: JSON.stringify(JSON.parse(jwks)) }),
    ...(forwardOriginalToken && { forwardOriginalToken }),
    ...(headers.length > 0 && { outputClaimToHeaders: headers }),
  };
}
