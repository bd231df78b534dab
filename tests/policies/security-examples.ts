import type table from "../../policies/capabilities/security.json";
import { egress, ingress, type Overrides, type PolicySettings } from "../support/policy-models";

export interface Example {
  readonly settings: PolicySettings;
  readonly overrides?: Overrides;
}

function security(settings: NonNullable<PolicySettings["security"]>): Example {
  return { settings: { security: settings } };
}

const reason = "until the last client has moved";

/** Settings for each row of policies/capabilities/security.json. */
export const securityExamples: Readonly<Record<keyof typeof table, Example>> = {
  mtls: security({
    peerAuthentication: [
      { namespace: "shop", mode: "PERMISSIVE", reason },
      { namespace: "shop", workload: "ratings", mode: "STRICT", ports: { "9090": "PERMISSIVE" }, reason },
      { workload: "reviews", ports: { "9080": "STRICT" } },
    ],
  }),
  mtlsDisable: security({ peerAuthentication: [{ namespace: "shop", mode: "DISABLE", reason }] }),
  defaultDeny: security({ authorization: { default: "deny", allow: [{ to: "ratings", from: ["reviews"] }] } }),
  rulesL4: security({
    authorization: {
      allow: [{ to: "ratings", from: ["reviews"], fromNamespaces: ["batch"], ports: [9080] }],
      deny: [{ to: "reviews", from: ["ratings"] }],
    },
  }),
  rulesL7: security({
    authorization: {
      allow: [{ to: "ratings", from: ["reviews"], methods: ["GET"], paths: ["/ratings/{*}"] }],
      deny: [{ to: "ratings", headers: { "x-debug": ["1"] } }],
    },
  }),
  pathNormalization: {
    ...security({ authorization: { deny: [{ to: "ratings", paths: ["/admin*"] }] } }),
    overrides: { pathNormalization: "DECODE_AND_MERGE_SLASHES" },
  },
  rulesOpposites: security({
    authorization: {
      allow: [
        {
          to: "ratings",
          notFrom: ["front"],
          notFromNamespaces: ["batch"],
          notMethods: ["DELETE"],
          notPaths: ["/admin*", "*/private"],
          notPorts: [9090],
          notHosts: ["internal.example.com"],
          notHeaders: { "x-debug": ["*"] },
        },
      ],
    },
  }),
  rulesByHost: security({ authorization: { allow: [{ to: "front", hosts: ["shop.example.com", "*.example.org"] }] } }),
  rulesByToken: security({
    jwt: [{ workload: "front", issuer: "https://issuer.example.com", required: false }],
    authorization: {
      allow: [
        { to: "front", requestPrincipals: ["https://issuer.example.com/*"], audiences: ["shop"], presenters: ["till"] },
        { to: "front", claims: { "realm[roles]": ["admin"] }, notClaims: { group: ["guests"] } },
      ],
      deny: [{ to: "front", notRequestPrincipals: ["*"], paths: ["/account*"] }],
    },
  }),
  rulesByPrincipal: security({
    authorization: {
      allow: [{ to: "ratings", from: ["reviews"], principals: ["partner.example/ns/shop/sa/*"] }],
      deny: [{ to: "ratings", notPrincipals: ["*"] }],
    },
  }),
  rulesByTrustDomain: security({
    authorization: { allow: [{ to: "ratings", trustDomains: ["cluster.local"], notTrustDomains: ["*.example"] }] },
  }),
  rulesByTarget: security({
    authorization: {
      allow: [{ to: "shop/*", fromNamespaces: ["shop"] }],
      deny: [{ to: "ingress", paths: ["/admin*"] }],
    },
  }),
  rulesByClientAddress: security({
    authorization: {
      allow: [
        { to: "ingress", remoteIpBlocks: ["192.0.2.0/24"], notRemoteIpBlocks: ["192.0.2.7"] },
        { to: "front", from: ["ingress"], remoteIpBlocks: ["192.0.2.0/24"] },
      ],
    },
  }),
  rulesByConnection: {
    ...security({ authorization: { deny: [{ to: "ratings", destinationIps: ["10.9.0.7"] }] } }),
    overrides: { waypoints: [] },
  },
  rulesByAddress: {
    ...security({ authorization: { allow: [{ to: "ratings", ipBlocks: ["10.9.0.0/16"] }] } }),
    overrides: { waypoints: [] },
  },
  audit: security({ authorization: { audit: [{ to: "ratings", methods: ["POST"] }] } }),
  dryRun: security({ authorization: { dryRun: true, deny: [{ to: "ratings", methods: ["POST"] }] } }),
  ruleDryRun: security({
    authorization: {
      deny: [
        { to: "ratings", methods: ["POST"], dryRun: true },
        { to: "ratings", methods: ["DELETE"] },
      ],
    },
  }),
  external: security({
    extensionProviders: [{ name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191 } }],
    authorization: { external: [{ to: "front", provider: "opa", paths: ["/admin/*"] }] },
  }),
  jwt: security({
    jwt: [{ workload: "front", issuer: "https://issuer.example.com", requireClaims: { role: ["admin"] } }],
  }),
  optionalTokens: security({
    jwt: [{ workload: "front", issuer: "https://issuer.example.com", required: false }],
  }),
  tokenLocations: security({
    jwt: [
      {
        workload: "front",
        issuer: "https://issuer.example.com",
        fromHeaders: [{ name: "x-token", prefix: "Bearer " }],
        fromParams: ["token"],
        fromCookies: ["session"],
        outputPayloadToHeader: "x-payload",
        timeout: "2s",
        notPaths: ["/healthz"],
      },
    ],
  }),
  spaceDelimitedClaims: security({
    jwt: [{ workload: "front", issuer: "https://issuer.example.com", spaceDelimitedClaims: ["teams"] }],
  }),
  routesByClaim: {
    settings: {
      traffic: {
        services: [
          {
            host: "front",
            gateways: ["ingress"],
            hosts: ["shop.example.com"],
            http: [
              { match: [{ uri: { prefix: "/" }, headers: { "@request.auth.claims.group": { exact: "testers" } } }] },
            ],
          },
        ],
      },
      security: { jwt: [{ workload: "ingress", issuer: "https://issuer.example.com", required: false }] },
    },
  },
  egress: security({
    egress: {
      allow: [
        { from: "front", hosts: ["a-cup-of.coffee"], ports: [443] },
        { from: "reviews", hosts: ["une-tasse-de.cafe"], ports: [443, 80], protocol: "HTTP" },
      ],
    },
  }),
  egressGateway: {
    settings: {
      security: {
        egress: { mode: "egressGateway", allow: [{ from: "front", hosts: ["a-cup-of.coffee"], ports: [443] }] },
      },
    },
    overrides: { gateways: [ingress, egress] },
  },
  egressSidecar: security({
    egress: { mode: "sidecar", allow: [{ from: "front", hosts: ["a-cup-of.coffee"], ports: [443] }] },
  }),
  egressWildcard: security({ egress: { allow: [{ from: "front", hosts: ["*.example.com"], ports: [443] }] } }),
  tlsOrigination: security({
    egress: {
      allow: [{ from: "front", hosts: ["api.example.com"], ports: [80], protocol: "HTTP", tlsOrigination: true }],
    },
  }),
};
