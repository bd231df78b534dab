import { auditProvider } from "../../components/model/mesh-config";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { ResolvedModel, Target } from "../resolve/resolved";
import { type Attachment, bySelector } from "./authorization";
import { type IstioSpecs, istioObject } from "./istio-object";

/**
 * Istio only marks a request that an AUDIT policy matches; this writes the marked ones to the access log. A workload's
 * own logging replaces the mesh's, so where the mesh logs everything, that is said again.
 *
 * https://istio.io/latest/docs/reference/config/telemetry/#AccessLogging
 */
export function compileAuditLog(model: ResolvedModel): KubernetesObject<IstioSpecs["Telemetry"]>[] {
  return auditLogs(model, ({ dataPlane }) => dataPlane !== "ambient", bySelector);
}

export function auditLogs(
  model: ResolvedModel,
  here: (target: Target) => boolean,
  attachment: Attachment,
): KubernetesObject<IstioSpecs["Telemetry"]>[] {
  const targets = new Map<string, Target>();
  for (const { action, target } of model.accessRules) {
    if (action === "AUDIT" && here(target)) targets.set(`${target.namespace}/${target.name}`, target);
  }
  const everything = model.accessLog ? [{ providers: [{ name: "envoy" }] }] : [];
  const audited = {
    providers: [{ name: auditProvider }],
    // Envoy's RBAC filter sets it; where it did not, the expression fails, and that logs nothing.
    filter: { expression: "metadata.filter_metadata['envoy.common']['access_log_hint'] == true" },
  };
  return [...targets.values()].map((target) =>
    istioObject(
      "Telemetry",
      { namespace: target.namespace, name: `${target.name}.audit` },
      { ...attachment(target), accessLogging: [...everything, audited] },
    ),
  );
}
