import type { Tree } from "../../../components/shared/merge";
import { type Example, object } from "../../../policies/guardrails/guardrail";
import type { GuardrailId } from "../../../policies/guardrails/ids";

/** What a guardrail says of an example, besides the two that it has itself. */
export interface Case extends Example {
  readonly id: GuardrailId;
  readonly name: string;
  /** Beginnings of the messages that are expected, in order. */
  readonly messages: readonly string[];
}

export function istio(kind: string, name: string, spec: Tree, metadata: Tree = {}) {
  const security = ["AuthorizationPolicy", "PeerAuthentication"].includes(kind);
  const apiVersion = security ? "security.istio.io/v1" : "networking.istio.io/v1";
  return object({ apiVersion, kind, metadata: { name, namespace: "shop", ...metadata }, spec });
}

export function gatewayApi(kind: string, name: string, spec: Tree, metadata: Tree = {}) {
  const apiVersion = "gateway.networking.k8s.io/v1";
  return object({ apiVersion, kind, metadata: { name, namespace: "shop", ...metadata }, spec });
}

export function deployment(pod: Tree, labels: Tree = { app: "shop" }, namespace = "shop") {
  const template = { metadata: { labels }, spec: pod };
  return object({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop", namespace },
    spec: { template },
  });
}

export function configMap(name: string, data: Tree, metadata: Tree = {}) {
  return object({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop", ...metadata }, data });
}

export function namespace(labels: Tree, name = "shop") {
  return object({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
}
