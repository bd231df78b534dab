import type { MachineType } from "./types";
import { merge, type Tree } from "./tree";

/** A Talos config document: `{apiVersion: v1alpha1, kind: HostnameConfig, ...}`. */
export type Document = Tree & { readonly kind: string };

/** Kinds that only a control plane's config has. Elsewhere a patch would leave a document that is not whole. */
const controlPlaneOnly = new Set([
  "KubeAPIServerConfig",
  "KubeAuditPolicyConfig",
  "KubeControllerManagerConfig",
  "KubeCoreDNSConfig",
  "KubeExternalManifestConfig",
  "KubeFlannelCNIConfig",
  "KubeInlineManifestConfig",
  "KubeProxyConfig",
  "KubeSchedulerConfig",
]);

/** Documents of a patch, each there once: what is merged in twice becomes one document. */
export class Documents {
  private readonly byId = new Map<string, Document>();

  constructor(readonly machineType: MachineType) {}

  merge(kind: string, fields: Tree, name?: string): void {
    if (this.machineType === "worker" && controlPlaneOnly.has(kind)) return;
    const id = `${kind}/${name ?? ""}`;
    const document = this.byId.get(id) ?? { apiVersion: "v1alpha1", kind, ...(name !== undefined && { name }) };
    this.byId.set(id, { ...merge(document, fields), kind });
  }

  /** Takes the document away that gen config makes; nothing happens where it makes none. */
  remove(kind: string, name?: string): void {
    this.merge(kind, { $patch: "delete" }, name);
  }

  list(): Document[] {
    return [...this.byId.values()];
  }
}
