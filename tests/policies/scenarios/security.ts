import { egress, ingress, shop, workload } from "../../support/policy-models";
import type { Scenarios } from "./scenario";

export const securityScenarios: Scenarios = {
  "mtls-exceptions": {
    settings: {
      security: {
        peerAuthentication: [
          { namespace: "shop", mode: "PERMISSIVE", reason: "migration until the batch jobs are in the mesh" },
          {
            namespace: "shop",
            workload: "ratings",
            mode: "STRICT",
            ports: { "9080": "DISABLE" },
            reason: "health checks of the load balancer come without a certificate",
          },
          { workload: "shop/reviews", ports: { "9080": "STRICT" } },
        ],
      },
    },
  },
  "default-deny": {
    settings: {
      security: {
        authorization: {
          default: "deny",
          allow: [
            { to: "front", from: ["ingress"] },
            { to: "reviews", from: ["front"], methods: ["GET"] },
            {
              to: "ratings",
              from: ["reviews", "front"],
              methods: ["POST", "GET"],
              paths: ["/ratings/*"],
              ports: [9080],
            },
            { to: "ratings", methods: ["GET"], paths: ["/health"] },
          ],
          deny: [
            { to: "ratings", from: ["shop/front"], headers: { "x-debug": ["1", "true"] } },
            { to: "ratings", ipBlocks: ["10.9.0.0/16"] },
          ],
        },
      },
    },
  },
  "gateway-with-workloads": {
    settings: { security: { authorization: { default: "deny", allow: [{ to: "front", from: ["ingress"] }] } } },
    overrides: { gateways: [{ ...ingress, namespace: "shop" }] },
  },
  "rules-by-namespace-and-address": {
    settings: {
      security: {
        authorization: {
          namespaces: { shop: "deny" },
          allow: [
            {
              to: "front",
              from: ["ingress"],
              fromNamespaces: ["tools", "batch"],
              ipBlocks: ["10.1.2.3"],
              ports: [9080],
            },
            { to: "ratings", fromNamespaces: ["shop"], paths: ["/ratings/{*}/stars", "/health"] },
          ],
        },
      },
    },
  },
  "rules-by-target": {
    settings: {
      security: {
        extensionProviders: [{ name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191 } }],
        authorization: {
          namespaces: { shop: "deny" },
          allow: [
            { to: "shop/front", from: ["ingress"] },
            { to: "tools/*", from: ["batch"], methods: ["GET"] },
            { to: "edge", methods: ["GET"] },
          ],
          deny: [
            { to: "*", methods: ["TRACE"] },
            { to: "ingress", paths: ["/admin*"] },
            { to: "edge", namespace: "shop", paths: ["/admin*"] },
          ],
          audit: [{ to: "shop/*", methods: ["DELETE"] }],
          external: [{ to: "ingress", provider: "opa", paths: ["/shop/*"] }],
        },
        jwt: [
          { workload: "ingress", issuer: "https://issuer.example.com" },
          { workload: "tools/*", issuer: "https://issuer.example.com", paths: ["/jobs/*"] },
        ],
      },
    },
    overrides: {
      workloads: [...shop, workload("batch", ["v1"], "tools")],
      gateways: [ingress, { ...ingress, name: "edge", namespace: "shop", kind: "gateway-api", service: "edge-istio" }],
    },
  },
  "rule-conditions": {
    settings: {
      security: {
        jwt: [{ workload: "front", issuer: "https://staff.example.com", required: false, fromCookies: ["session"] }],
        authorization: {
          allow: [
            {
              to: "front",
              from: ["ingress"],
              fromNamespaces: ["batch-*"],
              principals: ["partner.example/ns/shop/sa/till"],
              notFrom: ["ratings"],
              notPrincipals: ["*/sa/default"],
              notFromNamespaces: ["legacy"],
              requestPrincipals: ["https://staff.example.com/*"],
              notRequestPrincipals: ["https://staff.example.com/guest"],
              remoteIpBlocks: ["192.0.2.0/24"],
              notRemoteIpBlocks: ["192.0.2.7"],
              methods: ["GET"],
              paths: ["/orders/{*}/lines/{**}", "*/info", "/shop*"],
              notPaths: ["/shop/private*"],
              hosts: ["shop.example.com", "*.example.org", "api.example.com:8443"],
              notHosts: ["old.example.org"],
              ports: [9080],
              headers: { "x-team": ["red*", "*blue"], "x-trace": ["*"] },
              notHeaders: { "x-team": ["redundant"] },
              claims: { "realm_access[roles]": ["admin"], group: ["staff"] },
              notClaims: { group: ["interns"] },
              audiences: ["shop"],
              presenters: ["till"],
            },
          ],
          deny: [
            { to: "ratings", notMethods: ["GET", "HEAD"], notPorts: [9090] },
            { to: "ratings", destinationIps: ["10.9.0.0/16"], notSni: ["*.shop.svc.cluster.local"] },
            { to: "ratings", notPrincipals: ["*"] },
            { to: "reviews" },
          ],
        },
      },
    },
  },
  "audit-and-dry-run": {
    settings: {
      security: {
        authorization: {
          default: "deny",
          dryRun: true,
          allow: [{ to: "front", from: ["ingress"] }],
          deny: [{ to: "ratings", methods: ["DELETE"] }],
          audit: [
            { to: "ratings", from: ["front"] },
            { to: "ratings", methods: ["POST"] },
          ],
        },
      },
    },
    overrides: { accessLog: true },
  },
  "external-authorization": {
    settings: {
      security: {
        extensionProviders: [
          { name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191, timeout: "1s" } },
        ],
        authorization: {
          external: [
            { to: "front", provider: "opa", paths: ["/admin/*"] },
            { to: "front", provider: "opa", methods: ["DELETE"], headers: { "x-tenant": ["a"] } },
          ],
        },
      },
    },
  },
  tokens: {
    settings: {
      security: {
        jwt: [
          {
            workload: "front",
            issuer: "https://staff.example.com",
            jwksUri: "https://staff.example.com/keys",
            audiences: ["shop"],
            forwardOriginalToken: true,
            claimsToHeaders: { sub: "x-user" },
            requireClaims: { role: ["admin", "clerk"] },
            paths: ["/admin/*"],
          },
          {
            workload: "front",
            issuer: "https://partners.example.com",
            jwks: '{ "keys": [] }',
            requireClaims: { contract: ["gold"] },
            paths: ["/admin/*"],
          },
          { workload: "ratings", issuer: "https://staff.example.com" },
        ],
        authorization: { allow: [{ to: "ratings", methods: ["DELETE"], claims: { role: ["admin"] } }] },
      },
    },
  },
  egress: {
    settings: {
      security: {
        egress: {
          allow: [
            { from: "front", hosts: ["a-cup-of.coffee", "*.example.com"], ports: [443] },
            { from: "reviews", hosts: ["une-tasse-de.cafe"], ports: [443] },
            { from: "reviews", hosts: ["api.example.org"], ports: [80], protocol: "HTTP", tlsOrigination: true },
            { from: "shop/ratings", hosts: ["db.example.net"], ports: [5432], protocol: "TCP" },
          ],
        },
      },
    },
  },
  "egress-gateway": {
    settings: {
      security: {
        egress: {
          mode: "egressGateway",
          allow: [
            { from: "front", hosts: ["a-cup-of.coffee"], ports: [443] },
            { from: "reviews", hosts: ["une-tasse-de.cafe", "a-cup-of.coffee"], ports: [443] },
            { from: "reviews", hosts: ["api.example.org"], ports: [80], protocol: "HTTP", tlsOrigination: true },
            { from: "old/legacy", hosts: ["db.example.net"], ports: [5432], protocol: "TCP" },
          ],
        },
      },
    },
    overrides: { gateways: [ingress, egress], workloads: [...shop, workload("legacy", ["v1"], "old")] },
  },
  "egress-gateway-closed": {
    settings: { security: { egress: { mode: "egressGateway", allow: [] } } },
    overrides: { gateways: [ingress, egress] },
  },
};
