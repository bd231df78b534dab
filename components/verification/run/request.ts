import { policyMeshConfig } from "../../model/mesh-config";
import type { Model } from "../../model/model";
import type { VerificationSettings } from "../../settings/sections/verification";
import { digestOf } from "../../shared/digest";
import type { KubernetesObject } from "../../shared/kubernetes/object";
import type { RunPlan } from "./run-plan";

/**
 * What decides whether a verification runs again, as plain data: a preview shows it, and an unchanged one runs nothing. The
 * plan and the keys come by standard input, as they may be big and secret.
 */
export interface VerificationRequest {
  readonly stack: string;
  readonly onFailure: VerificationSettings["onFailure"];
  readonly mesh: { readonly version: string; readonly dataPlane: string };
  /** Digests of what is verified, and of how. */
  readonly verified: Readonly<Record<"policies" | "mesh" | "applications" | "probes", string>>;
}

export interface VerificationInput {
  readonly plan: RunPlan;
  /** Private keys (PEM) by issuer. */
  readonly keys: Readonly<Record<string, string>>;
}

/** What the Command prints, and the stack's output shows. */
export interface VerificationSummary {
  readonly sentences: readonly string[];
  /** Folder of the reports, relative to the project. */
  readonly report: string;
}

/** @param release of the probes: what they measure, and how, may change with it */
export function verificationRequest(
  stack: string,
  model: Pick<Model, "settings">,
  parts: {
    readonly settings: VerificationSettings;
    readonly plan: RunPlan;
    readonly policies: readonly KubernetesObject[];
    readonly release: string;
  },
): VerificationRequest {
  const { mesh, gateways, images, bookinfo, applications } = model.settings;
  return {
    stack,
    onFailure: parts.settings.onFailure,
    mesh: { version: mesh.version, dataPlane: mesh.dataPlane },
    verified: {
      policies: digestOf(parts.policies),
      // Retries by default, and where proxies log, are in the mesh config alone.
      mesh: digestOf({ mesh, gateways, images, config: policyMeshConfig(model.settings) }),
      applications: digestOf({ bookinfo, applications }),
      probes: digestOf([parts.release, parts.plan]),
    },
  };
}

/** Environment variables: the request as JSON, and the context of the kubeconfig where it is not the current one. */
export const requestVariable = "TALOS_MESH_VERIFICATION";
export const contextVariable = "TALOS_MESH_VERIFICATION_CONTEXT";
