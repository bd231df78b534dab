import { createHash } from "node:crypto";
import { digestOf } from "../shared/digest";

/**
 * Every name that is derived from a name in the settings. Deployed objects have these names: another one would replace
 * them. Settings from which two objects of one name would follow, or a name that Kubernetes refuses, are refused by
 * components/validation/object-names.ts.
 */

/** How many characters Kubernetes takes. */
const longestName = 253;

/** A name that would be too long ends in a digest of itself; those of hosts may be. */
function withinLimit(name: string): string {
  if (name.length <= longestName) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `${name.slice(0, longestName - digest.length - 1).replace(/[-.]+$/, "")}.${digest}`;
}

/**
 * Name of a gateway's Deployment, which is also that of its Service and its service account.
 * Source: istio/istio, manifests/charts/gateway/templates/_helpers.tpl, where `istio` is the release without "istio-";
 * pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go.
 */
export const gatewayDeploymentName = {
  chart: (gateway: string) => `istio-${gateway}`,
  "gateway-api": (gateway: string) => `${gateway}-istio`,
} as const;

/** The namespace of a gateway that names none. */
export function ownNamespace(gateway: string): string {
  return `istio-${gateway}`;
}

/**
 * The Secret with a gateway's certificate, in the gateway's namespace; `.shop.example.com` follows where it is for that host,
 * the first of several.
 */
export function credentialName(gateway: string, host = "*"): string {
  return withHost(`istio-${gateway}-certificate`, host);
}

/** The Secret in which istiod looks for the authority of clients, before it looks in that of the certificate. */
export function clientAuthorityName(credential: string): string {
  return `${credential}-cacert`;
}

/** Of a server of an Istio Gateway. A dot is no part of it: istiod and EnvoyFilters read `https.443.<name>.<gateway>...`. */
export function serverName(protocol: string, host = "*"): string {
  if (host === "*") return protocol;
  // No label of a host begins with a dash.
  return host.startsWith("*.") ? `${protocol}--${egressLabel(host.slice(2))}` : `${protocol}-${egressLabel(host)}`;
}

/** Name of a waypoint: for that of a namespace the one that istioctl gives it. */
export function waypointName({ service }: { readonly service?: string | undefined }): string {
  return service === undefined ? "waypoint" : `${service}-waypoint`;
}

/** The Deployment of one version of a service, and the Service in front of it. */
export function versionName(service: string, version: string): string {
  return `${service}-${version}`;
}

/** Name of a control plane's Deployment, its Service and its Helm release. */
export function istiodName(revision: string | undefined): string {
  return revision === undefined ? "istiod" : `istiod-${revision}`;
}

export function tagRelease(tag: string): string {
  return `istio-tag-${tag}`;
}

/** An object of a policy: its subject, whose name has no dot where it is a workload or a gateway, and what it is for. */
export function policyName(subject: string, ...use: readonly string[]): string {
  return withinLimit([subject, ...use].join("."));
}

/** An object of a policy for a target: for a namespace or the mesh, what it is for. */
export function targetPolicyName({ name }: { readonly name?: string | undefined }, ...use: readonly string[]): string {
  return name === undefined ? use.join(".") : policyName(name, ...use);
}

/** Name of the ServiceEntry of an external host, and of what belongs to it. */
export function externalHostName(host: string): string {
  return withinLimit(host.replace(/^\*\.(.*)$/, "$1.wildcard"));
}

/** A host as a DNS label, different for each host: in a host no dash is next to a dot. */
export function egressLabel(host: string): string {
  return host.replace(/^\*/, "any").replace(/-/g, "--").replace(/\./g, "-");
}

/** The Gateway of an external host at the egress gateway. */
export function egressGatewayName(host: string): string {
  return withinLimit(`to-${egressLabel(host)}`);
}

/**
 * Name of the listener of a Gateway (Gateway API) for a host, by which a route attaches to it: `https.shop.example.com`,
 * `https-any.example.com` for `*.example.com`, and `https` for any host.
 */
export function listenerName(protocol: string, host: string): string {
  return withHost(protocol, host);
}

/** Of a listener for TCP, which has no hosts. */
export function tcpListenerName(port: number): string {
  return `tcp-${port}`;
}

function withHost(name: string, host: string): string {
  if (host === "*") return name;
  return withinLimit(host.startsWith("*.") ? `${name}-any${host.slice(1)}` : `${name}.${host}`);
}

/** Routes of a host of a gateway that cannot be in the object of an entry: `ingress.host.shop.example.com`. */
export function gatewayHostName(gateway: string, host: string): string {
  return policyName(gateway, "host", host.replace(/^\*/, "any"));
}

/** The Role and RoleBinding by which a proxy gets client certificates from Secrets. */
export function clientCertificatesName(serviceAccount: string): string {
  return withinLimit(`${serviceAccount}-client-certificates`);
}

/** The Secret with certificates of `talos-mesh:secrets` for a service outside the mesh, or for a subset or a port of it. */
export function clientCredentialName(service: string, ...part: readonly string[]): string {
  return policyName(service, "client-tls", ...part);
}

/** The ReferenceGrant for the routes of another namespace. */
export function grantName(namespace: string): string {
  return `routes-of-${namespace}`;
}

/** The resource of a node's step in a Talos cluster, after the name of the cluster's component. */
export function nodeStepName(step: "config" | "apply" | "upgrade" | "reset", hostname: string): string {
  return `${step}-${hostname}`;
}

/** The resource of a step of the whole cluster that a node's could be taken for. */
export const kubernetesUpgradeName = "upgrade-kubernetes";

/** The ConfigMap that says that a stack is on a cluster; names of stacks have characters that Kubernetes does not take. */
export function stackMarkerName(stack: string): string {
  return `talos-mesh-stack-${digestOf(stack)}`;
}
