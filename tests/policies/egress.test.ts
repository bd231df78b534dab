import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { PolicyError } from "../../policies/problems";
import { type PolicyWords, shopModel } from "../support/policy-models";

type Allowance = NonNullable<NonNullable<PolicyWords["security"]>["egress"]>["allow"][number];

function compile(...allow: Allowance[]) {
  return compilePolicies(shopModel({ security: { egress: { allow } } }));
}

/** Hosts outside that each workload's proxy is told of, and what it does with others. */
function outside(...allow: Allowance[]): Record<string, string[]> {
  const sidecars = compile(...allow).filter(({ kind }) => kind === "Sidecar");
  return Object.fromEntries(
    sidecars.map(({ metadata, spec }) => {
      const { egress, outboundTrafficPolicy } = spec as {
        egress: [{ hosts: string[] }];
        outboundTrafficPolicy: { mode: string };
      };
      assert.equal(outboundTrafficPolicy.mode, "REGISTRY_ONLY");
      return [metadata.name, egress[0].hosts.filter((host) => host.startsWith("./"))];
    }),
  );
}

describe("ways out of the mesh", () => {
  it("are each workload's own, and nobody else has any", () => {
    assert.deepEqual(
      outside(
        { from: "front", hosts: ["a-cup-of.coffee"], ports: [443] },
        { from: "reviews", hosts: ["une-tasse-de.cafe"], ports: [443] },
      ),
      { "front.scope": ["./a-cup-of.coffee"], "reviews.scope": ["./une-tasse-de.cafe"], "ratings.scope": [] },
    );
  });

  it("are closed for everybody where no rule opens one", () => {
    assert.deepEqual(outside(), { "front.scope": [], "reviews.scope": [], "ratings.scope": [] });
  });

  it("never show a namespace's hosts outside by a wildcard for its services", () => {
    for (const { spec } of compile().filter(({ kind }) => kind === "Sidecar")) {
      const { egress } = spec as { egress: [{ hosts: string[] }] };
      assert.deepEqual(
        egress[0].hosts.filter((host) => host.endsWith("/*")),
        ["istio-system/*"],
      );
    }
  });

  const refusals: Readonly<Record<string, [Allowance[], string]>> = {
    "a gateway's way out": [
      [{ from: "ingress", hosts: ["example.com"], ports: [443] }],
      "security.egress.allow[0].from: found ingress, a gateway; expected the workload that may leave the mesh",
    ],
    "a wildcard for TCP": [
      [{ from: "front", hosts: ["*.example.com"], ports: [5432], protocol: "TCP" }],
      "security.egress.allow[0].hosts: found *.example.com; TCP carries no host name, so a wildcard would allow every host",
    ],
    "a wildcard that TLS is to be spoken to": [
      [{ from: "front", hosts: ["*.example.com"], ports: [80], protocol: "HTTP", tlsOrigination: true }],
      "security.egress.allow[0].hosts: found *.example.com; TLS origination needs one host name; list each host",
    ],
    "TLS for a workload that speaks TLS itself": [
      [{ from: "front", hosts: ["example.com"], ports: [443], tlsOrigination: true }],
      "security.egress.allow[0].tlsOrigination: needs protocol HTTP, which the workload speaks to its proxy; found TLS",
    ],
    "ports that sidecars of one namespace cannot tell apart": [
      [
        { from: "front", hosts: ["example.com"], ports: [443] },
        { from: "reviews", hosts: ["example.com"], ports: [8443] },
      ],
      "security.egress.allow[1]: example.com is allowed by security.egress.allow[0] with TLS 443, and sidecars of one namespace cannot tell ports or protocols of a host apart by workload; say the same in both",
    ],
    "two hosts on one port for TCP": [
      [
        { from: "front", hosts: ["a.example.com"], ports: [5432], protocol: "TCP" },
        { from: "reviews", hosts: ["b.example.com"], ports: [5432], protocol: "TCP" },
      ],
      "security.egress.allow[1].ports: TCP on port 5432 already leads to a.example.com, and a port leads to one host only; use TLS, or another port",
    ],
  };
  for (const [what, [allow, expected]] of Object.entries(refusals)) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => compile(...allow),
        (error) => {
          assert.ok(error instanceof PolicyError);
          assert.deepEqual(
            error.problems.map(({ path, message }) => `${path}: ${message}`),
            [expected],
          );
          return true;
        },
      );
    });
  }
});
