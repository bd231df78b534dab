import { object, release } from "../../../policies/guardrails/guardrail";
import { type Case, deployment, gatewayApi, istio, namespace } from "./case";

const http = { name: "http", port: 80, protocol: "HTTP" };
const toGateway = { parentRefs: [{ name: "edge" }] };

export const meshCases: readonly Case[] = [
  {
    id: "no-wildcard-hosts",
    name: "takes a wildcard under a domain for a name, and one under a top-level domain for every host",
    resources: [
      istio("VirtualService", "a", { hosts: ["*.example.com"] }),
      istio("VirtualService", "b", { hosts: ["*.com"] }),
    ],
    messages: ["VirtualService/shop/b: is for host *.com"],
  },
  {
    id: "no-wildcard-hosts",
    name: "refuses a listener without a host that is open to other namespaces, and a route that takes all of one",
    resources: [
      gatewayApi("Gateway", "edge", {
        listeners: [
          { ...http, allowedRoutes: { namespaces: { from: "All" } } },
          { name: "tcp", port: 9000, protocol: "TCP" },
        ],
      }),
      gatewayApi("HTTPRoute", "every", toGateway),
      gatewayApi("HTTPRoute", "named", { ...toGateway, hostnames: ["shop.example.com"] }),
      gatewayApi("HTTPRoute", "in-the-mesh", { parentRefs: [{ kind: "Service", group: "", name: "shop" }] }),
    ],
    messages: [
      "Gateway/shop/edge: listener http is for every host, and open to routes of other namespaces",
      "HTTPRoute/shop/every: takes every host of Gateway edge",
    ],
  },
  {
    id: "mtls-strict",
    name: "refuses plain text on one port, and for one workload",
    resources: [
      istio("PeerAuthentication", "ports", { mtls: { mode: "STRICT" }, portLevelMtls: { 8080: { mode: "DISABLE" } } }),
      istio("PeerAuthentication", "legacy", { selector: {}, mtls: { mode: "PERMISSIVE" } }),
    ],
    messages: [
      "PeerAuthentication/shop/ports: is DISABLE on port 8080, which accepts plain text",
      "PeerAuthentication/shop/legacy: is PERMISSIVE, which accepts plain text",
    ],
  },
  {
    id: "mtls-strict",
    name: "needs a policy of the whole mesh: one for some workloads is none",
    resources: [
      release("istiod", "istio-system", {}),
      istio("PeerAuthentication", "some", { selector: {}, mtls: { mode: "STRICT" } }, { namespace: "istio-system" }),
    ],
    messages: ["Release/istio-system/istiod: no PeerAuthentication of the whole mesh is STRICT"],
  },
  {
    id: "default-deny",
    name: "is satisfied by the root namespace for all, and not by a dry run",
    resources: [
      namespace({ "istio.io/dataplane-mode": "ambient" }),
      istio("AuthorizationPolicy", "rehearsed", {}, { annotations: { "istio.io/dry-run": "true" } }),
    ],
    messages: ["Namespace/shop: namespace shop has no AuthorizationPolicy that denies by default"],
  },
  {
    id: "default-deny",
    name: "is satisfied by a policy in the root namespace",
    resources: [
      namespace({ "istio.io/rev": "1-31" }),
      istio("AuthorizationPolicy", "allow-nothing", { rules: [] }, { namespace: "istio-system" }),
    ],
    messages: [],
  },
  {
    id: "default-deny",
    name: "judges namespaces for whose workloads there are policies, and not those of gateways",
    resources: [
      istio("AuthorizationPolicy", "shop", { selector: {}, rules: [{}] }),
      release("gateway", "istio-ingress", {}, "istio-ingress"),
      istio("AuthorizationPolicy", "edge", { action: "DENY", rules: [{}] }, { namespace: "istio-ingress" }),
    ],
    messages: ["AuthorizationPolicy/shop/shop: namespace shop has no AuthorizationPolicy that denies by default"],
  },
  {
    id: "no-faults",
    name: "finds Envoy's filter in an EnvoyFilter",
    resources: [
      istio("EnvoyFilter", "chaos", {
        configPatches: [{ patch: { operation: "INSERT_BEFORE", value: { name: "envoy.filters.http.fault" } } }],
      }),
      istio("EnvoyFilter", "other", { configPatches: [{ patch: { value: { name: "envoy.filters.http.lua" } } }] }),
    ],
    messages: ["EnvoyFilter/shop/chaos: adds Envoy's fault filter"],
  },
  {
    id: "egress-closed",
    name: "needs the mode to be set, and finds a Sidecar and a ServiceEntry that open it",
    resources: [
      release("istiod", "istio-system", { meshConfig: {} }),
      istio("Sidecar", "open", { outboundTrafficPolicy: { mode: "ALLOW_ANY" } }),
      istio("ServiceEntry", "everywhere", { hosts: ["any.example.com"], addresses: ["0.0.0.0/0"] }),
      istio("ServiceEntry", "one", { hosts: ["*.example.com"], addresses: ["192.0.2.0/24"] }),
    ],
    messages: [
      "Release/istio-system/istiod: outboundTrafficPolicy is not set, and ALLOW_ANY by default",
      "Sidecar/shop/open: outboundTrafficPolicy is ALLOW_ANY",
      "ServiceEntry/shop/everywhere: registers 0.0.0.0/0, which is everything",
    ],
  },
  {
    id: "egress-closed",
    name: "advises what closes egress in ambient",
    resources: [release("istiod", "istio-system", {}), release("ztunnel", "istio-system", {})],
    messages: [
      "Release/istio-system/istiod: outboundTrafficPolicy is not set, and ALLOW_ANY by default; ztunnel passes every connection on",
    ],
  },
  {
    id: "egress-closed",
    name: "takes NetworkPolicies for egress in ambient",
    resources: [
      release("istiod", "istio-system", {}),
      release("ztunnel", "istio-system", {}),
      object({
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: "egress-only", namespace: "shop" },
        spec: { podSelector: {}, policyTypes: ["Egress"] },
      }),
    ],
    messages: [],
  },
  {
    id: "sidecar-scope",
    name: "needs each workload to be selected, where Sidecars select workloads",
    resources: [
      namespace({ "istio-injection": "enabled" }),
      deployment({ containers: [] }, { app: "shop" }),
      istio("Sidecar", "cart", { workloadSelector: { labels: { app: "cart" } }, egress: [{ hosts: ["./*"] }] }),
    ],
    messages: ["Deployment/shop/shop: its pods are selected by no Sidecar"],
  },
  {
    id: "sidecar-scope",
    name: "judges namespaces whose pods ask for a sidecar, and takes one of the root namespace for all",
    resources: [deployment({ containers: [] }, { "sidecar.istio.io/inject": "true" })],
    messages: ["Deployment/shop/shop: namespace shop has no Sidecar that names hosts"],
  },
  {
    id: "sidecar-scope",
    name: "takes a Sidecar of the root namespace for all, and asks none of ztunnel",
    resources: [
      deployment({ containers: [] }, { "sidecar.istio.io/inject": "true" }),
      namespace({ "istio.io/dataplane-mode": "ambient" }, "cart"),
      istio("Sidecar", "default", { egress: [{ hosts: ["istio-system/*"] }] }, { namespace: "istio-system" }),
    ],
    messages: [],
  },
  {
    id: "ingress-tls",
    name: "asks of the routes of an HTTP listener that they redirect to HTTPS",
    resources: [
      gatewayApi("Gateway", "edge", { listeners: [http, { name: "https", port: 443, protocol: "HTTPS" }] }),
      gatewayApi("HTTPRoute", "redirect", {
        parentRefs: [{ name: "edge", sectionName: "http" }],
        rules: [{ filters: [{ type: "RequestRedirect", requestRedirect: { scheme: "https" } }] }],
      }),
      gatewayApi("HTTPRoute", "encrypted", { parentRefs: [{ name: "edge", sectionName: "https" }], rules: [{}] }),
      gatewayApi("Gateway", "plain", { listeners: [http] }, { namespace: "other" }),
      gatewayApi("HTTPRoute", "served", { parentRefs: [{ name: "plain", namespace: "other" }], rules: [{}] }),
    ],
    messages: ["Gateway/other/plain: listener http, by route served, serves plain HTTP"],
  },
];
