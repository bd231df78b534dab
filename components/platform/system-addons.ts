import path from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { parseAllDocuments } from "yaml";
import { imageReference } from "../model/images";
import type { ImagesSettings } from "../settings/sections/images";
import { platformImages } from "../settings/versions";
import { filledIn } from "../shared/files";
import { Layer, type LayerOptions } from "../shared/layer";

/** Namespace of the add-ons: pods of the highest priority are allowed in it. */
export const addonNamespace = "kube-system";

/** The add-ons, by the class in their resource's type; the manifests are files of ./manifests. */
const systemAddons = {
  /**
   * Approves the serving certificates that kubelets request with `rotate-server-certificates`. No signer of Kubernetes
   * itself approves them, and without them logs, exec and metrics-server fail.
   */
  KubeletCertificates: {
    manifests: "kubelet-serving-cert-approver.yaml",
    images: { image: platformImages.kubeletServingCertApprover },
  },
  /**
   * Serves the CPU and memory usage that autoscalers and `kubectl top` read. It verifies the kubelets' serving
   * certificates, so the cluster's CA must have signed them (see `KubeletCertificates`).
   */
  MetricsServer: { manifests: "metrics-server.yaml", images: { image: platformImages.metricsServer } },
  /** Makes volumes of folders on nodes; pods that it starts there, `helper`, create and remove the folders. */
  LocalPath: {
    manifests: "local-path-provisioner.yaml",
    images: { image: platformImages.localPath, helper: platformImages.busybox },
  },
} as const;

/** The class of a resource is part of its URN. */
const classes = {
  ServiceAccount: kubernetes.core.v1.ServiceAccount,
  ClusterRole: kubernetes.rbac.v1.ClusterRole,
  ClusterRoleBinding: kubernetes.rbac.v1.ClusterRoleBinding,
  Role: kubernetes.rbac.v1.Role,
  RoleBinding: kubernetes.rbac.v1.RoleBinding,
  ConfigMap: kubernetes.core.v1.ConfigMap,
  StorageClass: kubernetes.storage.v1.StorageClass,
  Deployment: kubernetes.apps.v1.Deployment,
  Service: kubernetes.core.v1.Service,
  APIService: kubernetes.apiregistration.v1.APIService,
} as const;

type Kind = keyof typeof classes;
type ResourceClass = new (name: string, manifest: object, opts: pulumi.CustomResourceOptions) => pulumi.Resource;

/** What a manifest waits for, where it is earlier in the file. */
const waitsFor: { readonly [Each in Kind]?: readonly Kind[] } = {
  Deployment: ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ConfigMap"],
  // While the server of a registered API group does not answer, API discovery fails for every client.
  APIService: ["Deployment", "Service"],
};

interface Manifest {
  readonly resource?: string;
  readonly kind: Kind;
}

export class SystemAddon extends Layer {
  constructor(
    addon: keyof typeof systemAddons,
    name: string,
    { images, values = {} }: { readonly images: ImagesSettings; readonly values?: Readonly<Record<string, string>> },
    opts?: LayerOptions,
  ) {
    super(`talos-mesh:platform:${addon}`, name, opts);
    const { manifests, images: official } = systemAddons[addon];
    const pulled = Object.entries(official).map(([use, image]) => [use, imageReference(images, image)] as const);
    const text = filledIn(path.join(__dirname, "manifests", manifests), { ...Object.fromEntries(pulled), ...values });
    const imagePullSecrets = images.pullSecrets.map((secret) => ({ name: secret.name }));
    const created: { readonly kind: Kind; readonly resource: pulumi.Resource }[] = [];
    for (const document of parseAllDocuments(text)) {
      const { resource: suffix, ...manifest } = document.toJS() as Manifest;
      const { kind } = manifest;
      const before = created.filter((each) => waitsFor[kind]?.includes(each.kind));
      const resource = new (classes[kind] as ResourceClass)(
        suffix === undefined ? name : `${name}-${suffix}`,
        { ...manifest, ...(kind === "ServiceAccount" && imagePullSecrets.length > 0 && { imagePullSecrets }) },
        before.length > 0 ? this.after(...before.map((each) => each.resource)) : this.child,
      );
      created.push({ kind, resource });
    }
    this.registerOutputs();
  }
}
