import assert from "node:assert/strict";
import { workloadKey } from "../../components/model/names";
import { clusterHost } from "../../components/model/policies/policy-model";
import { compilePolicies } from "../../policies/compile";
import { explain } from "../../policies/explain/explain";
import { type PolicySettings, shopModel } from "../support/policy-models";

/**
 * `explain` and the compiler of Sidecars share what a rule lets a workload know. Here, the objects are read as Istio does, and
 * compared with what the rules allow in a mesh without Sidecars.
 */
describe("what Sidecars let a workload know", () => {
  type Authorization = NonNullable<NonNullable<PolicySettings["security"]>["authorization"]>;
  const cases: Readonly<Record<string, Authorization>> = {
    "rules for one caller": { default: "deny", allow: [{ to: "ratings", from: ["front"] }] },
    "a rule for a namespace": { default: "deny", allow: [{ to: "ratings", fromNamespaces: ["shop"] }] },
    "a rule without callers": { default: "deny", allow: [{ to: "reviews" }] },
    "a rule by principal": { default: "deny", allow: [{ to: "ratings", principals: ["*/sa/reviews-account"] }] },
    "no default": { allow: [{ to: "ratings", from: ["front"] }] },
    "nothing that is allowed": { default: "deny" },
  };

  for (const [what, authorization] of Object.entries(cases)) {
    it(`is every service that it may call, and none that no rule is for: ${what}`, () => {
      const settings = { security: { authorization } };
      const scoped = shopModel(settings, {
        sidecarScoping: { proxyServices: [] },
        outboundTrafficPolicy: "REGISTRY_ONLY",
      });
      const open = shopModel(settings);
      const sidecars = compilePolicies(scoped).filter(({ kind }) => kind === "Sidecar");
      assert.equal(sidecars.length, scoped.workloads.length);
      for (const client of scoped.workloads) {
        const object = sidecars.find(({ metadata }) => metadata.name === `${client.name}.scope`);
        const [{ hosts } = { hosts: [] }] = (object?.spec as { egress?: [{ hosts: string[] }] }).egress ?? [];
        for (const server of scoped.workloads) {
          const host = clusterHost(server);
          const isKnown = hosts.some((entry) => {
            const [namespace, name = ""] = entry.split("/");
            const isHere = namespace === "*" || namespace === server.namespace;
            return isHere && (name === "*" || name === host || (name.startsWith("*.") && host.endsWith(name.slice(1))));
          });
          const question = {
            from: workloadKey(client),
            to: workloadKey(server),
            method: "GET",
            path: "/",
            headers: {},
          };
          const isAllowed = explain(open, question).outcome === "passes";
          const about = `${question.from} to ${question.to}: ${hosts.join(", ")}`;
          if (isAllowed) assert.ok(isKnown, about);
          const hasRule = (authorization.allow ?? []).some(({ to }) => to === server.name);
          if (authorization.default === "deny" && !hasRule) assert.ok(!isKnown, about);
          const explained = explain(scoped, question);
          assert.equal(explained.end?.why === "egress", !isKnown, `${about}: ${explained.steps.at(-1)?.what}`);
        }
      }
    });
  }
});
