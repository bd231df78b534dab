import assert from "node:assert/strict";
import fc from "fast-check";
import type { AuthorizationRule } from "../../policies/api-objects";
import { compilePolicies } from "../../policies/compile";
import { meetsRequirements } from "../../policies/explain/conditions";
import { CrdSchemas } from "../support/crd-schema";
import { type PolicySettings, shopModel } from "../support/policy-models";

type Jwt = NonNullable<NonNullable<PolicySettings["security"]>["jwt"]>[number];

const jwksUri = "https://issuer.example.com/keys";

function compiled(jwt: readonly Omit<Jwt, "workload" | "jwksUri">[]) {
  const security = { jwt: jwt.map((entry): Jwt => ({ workload: "front", jwksUri, ...entry })) };
  const model = shopModel({ security });
  const policy = compilePolicies(model).find(({ metadata }) => metadata.name === "front.jwt") ?? assert.fail();
  const policies = compilePolicies(model).filter(({ kind }) => kind === "AuthorizationPolicy");
  const { rules } = policies.find(({ metadata }) => metadata.name === policy.metadata.name)?.spec as {
    readonly rules: readonly AuthorizationRule[];
  };
  return { model, policies, rules };
}

/** As Envoy decides, for a rule with the conditions that token rules have. */
function denies({ from, when }: AuthorizationRule, claims: ReadonlyMap<string, string>): boolean {
  const principal = claims.has("iss") ? `${claims.get("iss")}/subject` : undefined;
  const isOneOf = (patterns: readonly string[]) =>
    principal !== undefined && patterns.some((pattern) => principal.startsWith(pattern.slice(0, -1)));
  const { requestPrincipals, notRequestPrincipals } = from?.[0]?.source ?? {};
  return (
    (!requestPrincipals || isOneOf(requestPrincipals)) &&
    (!notRequestPrincipals || !isOneOf(notRequestPrincipals)) &&
    (when ?? []).every(({ key, notValues = [] }) => {
      const value = claims.get(/\[(.*)\]/.exec(key)?.[1] ?? "");
      return value === undefined || !notValues.includes(value);
    })
  );
}

describe("required tokens", () => {
  const claim = fc.constantFrom("role", "team");
  const value = fc.constantFrom("a", "b");
  const issuer = fc.constantFrom("https://one.example.com", "https://two.example.com", "https://three.example.com");
  const requireClaims = fc.option(fc.dictionary(claim, fc.uniqueArray(value, { minLength: 1 }), { minKeys: 1 }), {
    nil: undefined,
  });

  it("are denied exactly where no entry is met", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ issuer, requireClaims }), { minLength: 1, maxLength: 4 }),
        fc.option(issuer, { nil: undefined }),
        fc.dictionary(claim, value),
        (jwt, iss, others) => {
          const { model, rules } = compiled(jwt);
          // Claims are read from a token.
          const claims = new Map(iss === undefined ? [] : Object.entries({ ...others, iss }));
          const request = { method: "GET", path: "/", headers: new Map(), queryParams: new Map(), port: 80, claims };
          const [required] = model.tokenRules;
          assert.ok(required);
          assert.equal(
            rules.some((rule) => denies(rule, claims)),
            !meetsRequirements(required, request),
          );
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  it("take as many rules as there are claims of issuers, and one", () => {
    const jwt = Array.from({ length: 40 }, (_, index) => ({
      issuer: `https://issuer-${index}.example.com`,
      requireClaims: { role: ["a", "b"], team: ["c"] },
    }));
    const { rules, policies } = compiled(jwt);
    assert.equal(rules.length, 81);
    const schemas = new CrdSchemas();
    for (const policy of policies) assert.deepEqual(schemas.problems(policy), []);
  });
});
