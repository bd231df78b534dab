import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ImagesSettings } from "../settings/sections/images";

export interface SystemAddonArgs {
  readonly images: ImagesSettings;
}

/** Namespace of add-ons: Kubernetes' own, whose pods may be of the highest priority. */
export const addonNamespace = "kube-system";

/** How a pod of an add-on is run: as nobody, with no rights on its node. */
export const podSecurity = {
  runAsNonRoot: true,
  runAsUser: 65534,
  runAsGroup: 65534,
  fsGroup: 65534,
  seccompProfile: { type: "RuntimeDefault" },
};

export const containerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  privileged: false,
  readOnlyRootFilesystem: true,
};

/** Add-ons may run on control planes: a small cluster has nothing else. */
export const controlPlaneToleration = {
  key: "node-role.kubernetes.io/control-plane",
  operator: "Exists",
  effect: "NoSchedule",
};

export interface Grant {
  /** `Role` is one of kube-system's. */
  readonly kind: "ClusterRole" | "Role";
  readonly role: string;
  /** Where it holds; none is everywhere. */
  readonly namespace?: string;
  /** What is granted, where the role is the add-on's own. @default the role is one of Kubernetes' */
  readonly rules?: readonly pulumi.Unwrap<kubernetes.types.input.rbac.v1.PolicyRule>[];
}

/** An identity and what it may do, and nothing more. */
export function serviceAccount(
  name: string,
  account: string,
  grants: readonly Grant[],
  { images: { pullSecrets } }: SystemAddonArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const metadata = { name: account, namespace: addonNamespace };
  const imagePullSecrets = pullSecrets.map((secret) => ({ name: secret.name }));
  const made: pulumi.Resource[] = [
    new kubernetes.core.v1.ServiceAccount(
      name,
      { metadata, ...(imagePullSecrets.length > 0 && { imagePullSecrets }) },
      opts,
    ),
  ];
  for (const { kind, role, namespace, rules } of grants) {
    const shortRole = role.replace(/^system:/, "").replaceAll(":", "-");
    if (rules) {
      const own = { metadata: { name: role }, rules: [...rules] };
      made.push(new kubernetes.rbac.v1.ClusterRole(`${name}-${shortRole}`, own, opts));
    }
    const binding = {
      metadata: { name: `${account}:${role.replace(/^system:/, "")}`, ...(namespace && { namespace }) },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: role },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: addonNamespace }],
    };
    made.push(
      namespace
        ? new kubernetes.rbac.v1.RoleBinding(`${name}-${shortRole}`, binding, opts)
        : new kubernetes.rbac.v1.ClusterRoleBinding(`${name}-${shortRole}`, binding, opts),
    );
  }
  return made;
}
