import type { ApplyObject } from "../../shared/kubernetes/object";

export const requestVariable = "PLATFORM_ACCEPTANCE";
export const contextVariable = "PLATFORM_KUBE_CONTEXT";

export interface AcceptanceRequest {
  /** Of kinds that a release has installed. */
  readonly objects: readonly ApplyObject[];
}
