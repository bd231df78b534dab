import { both, type Capabilities, native, refused } from "./capability";

const rules = "security.authorization";

export const securityCapabilities = {
  mtls: {
    title: "mTLS of the mesh, a namespace, a workload, a port",
    seen: both,
    setting: "security.peerAuthentication",
    sidecar: native("PeerAuthentication"),
    ambient: native("PeerAuthentication, enforced by ztunnel"),
  },
  mtlsDisable: {
    title: "No mTLS at all (DISABLE)",
    seen: ["sidecar"],
    setting: "security.peerAuthentication.*.mode",
    sidecar: native("PeerAuthentication DISABLE"),
    ambient: refused("ztunnel treats DISABLE as PERMISSIVE", "PERMISSIVE, which accepts plain text as well"),
  },
  defaultDeny: {
    title: "Default deny",
    seen: both,
    setting: `${rules}.default`,
    sidecar: native("an AuthorizationPolicy that allows nothing, in each namespace"),
    ambient: native(
      "the same at ztunnel; one with targetRefs at each waypoint; pods with a waypoint accept requests from the waypoint only",
    ),
  },
  rulesL4: {
    title: "Rules by service account, namespace and port",
    seen: both,
    setting: `${rules}.allow`,
    sidecar: native("AuthorizationPolicy with a selector"),
    ambient: native("AuthorizationPolicy with a selector at ztunnel, or with targetRefs where there is a waypoint"),
  },
  rulesL7: {
    title: "Rules by method, path and header, to allow and to deny",
    seen: both,
    setting: `${rules}.allow.*.paths`,
    sidecar: native("AuthorizationPolicy with a selector"),
    ambient: native(
      "AuthorizationPolicy with targetRefs at the waypoint; without one refused: at ztunnel an ALLOW would never match and a DENY always",
    ),
  },
  rulesByAddress: {
    title: "Rules by address",
    seen: both,
    setting: `${rules}.allow.*.ipBlocks`,
    sidecar: native("source.ipBlocks"),
    ambient: native("source.ipBlocks at ztunnel; refused behind a waypoint, which sees the address of the tunnel"),
  },
  audit: {
    title: "Audit rules",
    seen: both,
    setting: `${rules}.audit`,
    sidecar: native("AuthorizationPolicy AUDIT, and a Telemetry that logs the requests that it marks"),
    ambient: native("the same with targetRefs at the waypoint; without one refused: ztunnel allows and denies only"),
  },
  dryRun: {
    title: "Dry run of rules",
    seen: ["sidecar"],
    setting: `${rules}.dryRun`,
    sidecar: native("annotation istio.io/dry-run"),
    ambient: refused(
      "istiod does not send such policies to ztunnel, so nothing would be reported",
      "audit rules at a waypoint, or a namespace with sidecars to test the rules in",
    ),
  },
  external: {
    title: "External authorization",
    seen: both,
    setting: `${rules}.external`,
    sidecar: native("AuthorizationPolicy CUSTOM and an extension provider"),
    ambient: native("the same with targetRefs at the waypoint; without one refused"),
  },
  jwt: {
    title: "Tokens: issuer, audience, claims, by path",
    seen: both,
    setting: "security.jwt",
    sidecar: native("RequestAuthentication, and a DENY for requests that do not meet it"),
    ambient: native("both with targetRefs at the waypoint; without one refused: ztunnel reads no token"),
  },
  egress: {
    title: "Egress by workload and host, with TLS, HTTP and TCP",
    seen: both,
    setting: "security.egress",
    sidecar: native(
      "ServiceEntry for the namespace, and a Sidecar for each workload with REGISTRY_ONLY; no security boundary, as a process can bypass its own proxy",
    ),
    ambient: native(
      "ServiceEntry at the namespace's waypoint, AuthorizationPolicy with targetRefs to it, and a NetworkPolicy against bypassing it",
    ),
  },
  egressGateway: {
    title: "Egress through the egress gateway, by identity",
    seen: ["sidecar"],
    setting: "security.egress.mode",
    sidecar: native(
      "ServiceEntry, Gateway, VirtualService and DestinationRule for each host, AuthorizationPolicy at the gateway, and a NetworkPolicy against bypassing it",
    ),
    ambient: refused(
      "ztunnel sends nothing to an egress gateway",
      "no security.egress.mode, so that egress goes through the namespace's waypoint",
    ),
  },
  egressSidecar: {
    title: "Egress through each workload's own sidecar",
    seen: ["sidecar"],
    setting: "security.egress.mode",
    sidecar: native("the default of namespaces with sidecars"),
    ambient: refused(
      "an ambient workload has no sidecar",
      "no security.egress.mode, so that egress goes through the namespace's waypoint",
    ),
  },
  egressWildcard: {
    title: "Egress to hosts by wildcard",
    seen: ["sidecar"],
    setting: "security.egress.allow.*.hosts",
    sidecar: native("ServiceEntry with resolution NONE, in mode sidecar; refused in mode egressGateway"),
    ambient: refused("a waypoint has to resolve the host name", "each host by name"),
  },
  tlsOrigination: {
    title: "TLS origination by the proxy",
    seen: both,
    setting: "security.egress.allow.*.tlsOrigination",
    sidecar: native("DestinationRule with tls SIMPLE for the host of the ServiceEntry"),
    ambient: native("DestinationRule with tls SIMPLE for the host of the ServiceEntry, applied by the waypoint"),
  },
} satisfies Capabilities;
