import { createPrivateKey, createPublicKey, type JsonWebKey } from "node:crypto";
import type { Model } from "../model/model";
import type { PolicyTarget } from "../model/names";
import type { PolicyModel } from "../model/policies/policy-model";
import { jsonMapping } from "../settings/schema-walk";
import { suggestion } from "../settings/wording";
import type { VerificationSettings } from "../settings/sections/verification";
import { treesIn } from "../shared/merge";
import { own } from "../shared/own";
import type { Refusal } from "../shared/problem";
import { type Check, problemsOfEach, rule, unique, unknownTarget } from "./check";

type OwnRequest = VerificationSettings["requests"][number];

/** Clients that are no workload's. */
const ownClients = ["stranger", "outside"];

export const verificationChecks: readonly Check[] = [
  unique("verification.tokens.*.issuer", "issuer"),
  unique("verification.requests.*.name", "request"),
  rule("verification.tokens.*", ({ issuer }, { settings: { security } }) => {
    const known = [...new Set(security.jwt.map((entry) => entry.issuer))];
    if (known.includes(issuer)) return undefined;
    const hint = known.length > 0 ? suggestion(issuer, known) : "there are none";
    return { issuer: `found ${issuer}; no entry of security.jwt has this issuer; ${hint}` };
  }),
  ({ settings: { verification, security } }, { secretTexts }) =>
    problemsOfEach(verification?.tokens, ["verification", "tokens"], ({ issuer, signingKey: { secret } }) => {
      const text = secretTexts.get(secret);
      if (text === undefined) return undefined;
      const key = publicKey(text);
      if (!key) {
        return { signingKey: `secret ${secret} is no private key in PEM; create one with \`npm run jwt -- keygen\`` };
      }
      const other = security.jwt.findIndex((entry) => entry.issuer === issuer && !mayHaveKey(entry.jwks, key));
      if (other < 0) return undefined;
      const jwks = `talos-mesh:security.jwt[${other}].jwks`;
      return {
        signingKey: `the public key of secret ${secret} is none of ${jwks}, so proxies would refuse the tokens of probes; add it there (\`npm run jwt -- jwks\` prints it), or name the key that it has`,
      };
    }),
  rule("verification.requests.*", (request, { names }) => {
    const { from } = request;
    if (ownClients.includes(from)) return undefined;
    const target = names.findTarget(from);
    if (!target) return unknownTarget(names, request, "from");
    return target.kind !== "workload" && { from: `found ${from}; expected a workload, ${ownClients.join(" or ")}` };
  }),
  rule("verification.requests.*", (request, model) => {
    const target = model.names.findTarget(request.to);
    return target ? targetRefusal(request, target, model) : unknownTarget(model.names, request, "to");
  }),
];

function targetRefusal(
  { to, host, port, version }: OwnRequest,
  { workloads: [workload], gateways: [gateway], kind }: PolicyTarget,
  { policies }: Model,
): Refusal {
  if (kind === "workload" && workload) {
    const ports = workload.ports.map((each) => each.port);
    return {
      host: host !== undefined && `found ${host}; ${to} is a workload, and only gateways have hosts; remove it`,
      port: port !== undefined && !ports.includes(port) && `found ${port}; ${to} has ${ports.join(", ")}`,
      version:
        version !== undefined &&
        !workload.versions.includes(version) &&
        `found ${version}; ${to} has no such version; ${suggestion(version, workload.versions)}`,
    };
  }
  if (kind === "gateway" && gateway) {
    const ports = Object.values(gateway.ports);
    const hosts = exposedBy(policies, gateway.name);
    return {
      host:
        host === undefined &&
        hosts.every((each) => each.startsWith("*")) &&
        `gateway ${to} serves no single host; add the one that the request names`,
      port: port !== undefined && !ports.includes(port) && `found ${port}; gateway ${to} has ${ports.join(", ")}`,
    };
  }
  return { to: `found ${to}; a request goes to one workload or gateway` };
}

function exposedBy(policies: PolicyModel, gateway: string): string[] {
  return policies.services.flatMap(({ exposures }) =>
    exposures.filter((exposure) => exposure.gateway.name === gateway).flatMap(({ hosts }) => hosts),
  );
}

/** Of a private key in PEM; undefined where the text is none. */
function publicKey(text: string): JsonWebKey | undefined {
  try {
    return createPublicKey(createPrivateKey(text)).export({ format: "jwk" });
  } catch {
    return undefined;
  }
}

/** Whether a set of keys has one; what is no set is refused elsewhere. */
function mayHaveKey(jwks: string | undefined, key: JsonWebKey): boolean {
  const keys = jsonMapping(jwks ?? "")?.keys;
  if (!Array.isArray(keys)) return true;
  const parts = ["kty", "crv", "n", "e", "x", "y"] as const;
  return treesIn(keys).some((one) => parts.every((part) => own(one, part) === own(key, part)));
}
