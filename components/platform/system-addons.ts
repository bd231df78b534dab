import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { imageReference } from "../model/images";
import type { ImagesSettings } from "../settings/sections/images";
import { platformImages } from "../settings/versions";
import { Layer, type LayerOptions } from "../shared/layer";

export interface SystemAddonArgs {
  readonly images: ImagesSettings;
}

/** Namespace of the add-ons: pods of the highest priority are allowed in it. */
export const addonNamespace = "kube-system";

/**
 * kubelet-serving-cert-approver approves the serving certificates that kubelets request with
 * `rotate-server-certificates`. No signer of Kubernetes itself approves them, and without them logs, exec and
 * metrics-server fail.
 *
 * Source: github.com/alex1989hu/kubelet-serving-cert-approver, deploy/standalone-install.yaml.
 */
export class KubeletCertificates extends Layer {
  constructor(name: string, args: SystemAddonArgs, opts?: LayerOptions) {
    super("talos-mesh:platform:KubeletCertificates", name, opts);
    const app = "kubelet-serving-cert-approver";
    const labels = { "app.kubernetes.io/name": app, "app.kubernetes.io/instance": app };
    const group = "certificates.k8s.io";
    const grants: Grant[] = [
      {
        kind: "ClusterRole",
        role: `certificates:${app}`,
        rules: [
          { apiGroups: [group], resources: ["certificatesigningrequests"], verbs: ["get", "list", "watch"] },
          { apiGroups: [group], resources: ["certificatesigningrequests/approval"], verbs: ["update"] },
          { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
          {
            apiGroups: [group],
            resources: ["signers"],
            resourceNames: ["kubernetes.io/kubelet-serving"],
            verbs: ["approve"],
          },
        ],
      },
      {
        kind: "ClusterRole",
        role: `events:${app}`,
        // Kubernetes records events of cluster-wide objects here.
        namespace: "default",
        rules: [{ apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] }],
      },
    ];
    const account = serviceAccount(name, app, grants, args, this.child);
    const spec = {
      serviceAccountName: app,
      priorityClassName: "system-cluster-critical",
      securityContext: podSecurity,
      tolerations: [controlPlaneToleration],
      containers: [
        {
          name: "cert-approver",
          image: imageReference(args.images, platformImages.kubeletServingCertApprover),
          args: ["serve"],
          env: [{ name: "NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } }],
          ports: [
            { name: "health", containerPort: 8080 },
            { name: "metrics", containerPort: 9090 },
          ],
          livenessProbe: { httpGet: { path: "/healthz", port: "health" }, initialDelaySeconds: 6 },
          readinessProbe: { httpGet: { path: "/readyz", port: "health" }, initialDelaySeconds: 3 },
          resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { memory: "64Mi" } },
          securityContext: containerSecurity,
        },
      ],
    };
    new kubernetes.apps.v1.Deployment(
      name,
      {
        metadata: { name: app, namespace: addonNamespace, labels },
        spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
      },
      this.after(...account),
    );
    this.registerOutputs();
  }
}

/**
 * metrics-server serves the CPU and memory usage that autoscalers and `kubectl top` read. It verifies the kubelets'
 * serving certificates, so the cluster's CA must have signed them (see `KubeletCertificates`).
 *
 * Source: github.com/kubernetes-sigs/metrics-server, manifests/base.
 */
export class MetricsServer extends Layer {
  constructor(name: string, args: SystemAddonArgs, opts?: LayerOptions) {
    super("talos-mesh:platform:MetricsServer", name, opts);
    const app = "metrics-server";
    const labels = { "k8s-app": app };
    const read = ["get", "list", "watch"];
    const grants: Grant[] = [
      {
        kind: "ClusterRole",
        role: `system:${app}`,
        rules: [
          { apiGroups: [""], resources: ["nodes/metrics"], verbs: ["get"] },
          { apiGroups: [""], resources: ["pods", "nodes"], verbs: read },
        ],
      },
      { kind: "ClusterRole", role: "system:auth-delegator" },
      { kind: "Role", role: "extension-apiserver-authentication-reader", namespace: addonNamespace },
    ];
    const account = serviceAccount(name, app, grants, args, this.child);
    new kubernetes.rbac.v1.ClusterRole(
      `${name}-reader`,
      {
        metadata: {
          name: "system:aggregated-metrics-reader",
          labels: Object.fromEntries(
            ["view", "edit", "admin"].map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, "true"]),
          ),
        },
        rules: [{ apiGroups: ["metrics.k8s.io"], resources: ["pods", "nodes"], verbs: read }],
      },
      this.child,
    );
    const metadata = { name: app, namespace: addonNamespace, labels };
    const deployment = new kubernetes.apps.v1.Deployment(
      name,
      {
        metadata,
        spec: {
          selector: { matchLabels: labels },
          strategy: { rollingUpdate: { maxUnavailable: 0 } },
          template: { metadata: { labels }, spec: metricsServerPod(app, args) },
        },
      },
      this.after(...account),
    );
    const service = new kubernetes.core.v1.Service(
      name,
      { metadata, spec: { selector: labels, ports: [{ name: "https", port: 443, targetPort: "https" }] } },
      this.child,
    );
    // Last: while the server of a registered API group does not answer, API discovery fails for every client.
    new kubernetes.apiregistration.v1.APIService(
      name,
      {
        metadata: { name: "v1beta1.metrics.k8s.io", labels },
        spec: {
          group: "metrics.k8s.io",
          version: "v1beta1",
          groupPriorityMinimum: 100,
          versionPriority: 100,
          // metrics-server signs its own certificate at each start.
          insecureSkipTLSVerify: true,
          service: { name: app, namespace: addonNamespace },
        },
      },
      this.after(deployment, service),
    );
    this.registerOutputs();
  }
}

const metricsServerPod = (app: string, { images }: SystemAddonArgs) => ({
  serviceAccountName: app,
  priorityClassName: "system-cluster-critical",
  nodeSelector: { "kubernetes.io/os": "linux" },
  tolerations: [controlPlaneToleration],
  securityContext: podSecurity,
  containers: [
    {
      name: app,
      image: imageReference(images, platformImages.metricsServer),
      args: [
        "--cert-dir=/tmp",
        "--secure-port=10250",
        "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
        "--kubelet-use-node-status-port",
        "--metric-resolution=15s",
      ],
      ports: [{ name: "https", containerPort: 10250 }],
      livenessProbe: { httpGet: { path: "/livez", port: "https", scheme: "HTTPS" }, periodSeconds: 10 },
      readinessProbe: {
        httpGet: { path: "/readyz", port: "https", scheme: "HTTPS" },
        initialDelaySeconds: 20,
        periodSeconds: 10,
      },
      resources: { requests: { cpu: "100m", memory: "200Mi" } },
      securityContext: containerSecurity,
      volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
    },
  ],
  volumes: [{ name: "tmp", emptyDir: {} }],
});

const podSecurity = {
  runAsNonRoot: true,
  runAsUser: 65534,
  runAsGroup: 65534,
  fsGroup: 65534,
  seccompProfile: { type: "RuntimeDefault" },
};

const containerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  privileged: false,
  readOnlyRootFilesystem: true,
};

/** Add-ons may run on control planes: a small cluster has no other nodes. */
const controlPlaneToleration = {
  key: "node-role.kubernetes.io/control-plane",
  operator: "Exists",
  effect: "NoSchedule",
};

interface Grant {
  readonly kind: "ClusterRole" | "Role";
  readonly role: string;
  /** Namespace of the binding. @default the whole cluster */
  readonly namespace?: string;
  /** Rules of a role that is created here. @default the role exists in every cluster */
  readonly rules?: readonly pulumi.Unwrap<kubernetes.types.input.rbac.v1.PolicyRule>[];
}

/** A service account with its roles and bindings. */
function serviceAccount(
  name: string,
  account: string,
  grants: readonly Grant[],
  { images: { pullSecrets } }: SystemAddonArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const imagePullSecrets = pullSecrets.map((secret) => ({ name: secret.name }));
  const created: pulumi.Resource[] = [
    new kubernetes.core.v1.ServiceAccount(
      name,
      {
        metadata: { name: account, namespace: addonNamespace },
        ...(imagePullSecrets.length > 0 && { imagePullSecrets }),
      },
      opts,
    ),
  ];
  for (const { kind, role, namespace, rules } of grants) {
    const withoutPrefix = role.replace(/^system:/, "");
    const child = `${name}-${withoutPrefix.replaceAll(":", "-")}`;
    if (rules) {
      created.push(new kubernetes.rbac.v1.ClusterRole(child, { metadata: { name: role }, rules: [...rules] }, opts));
    }
    const binding = {
      metadata: { name: `${account}:${withoutPrefix}`, ...(namespace && { namespace }) },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: role },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: addonNamespace }],
    };
    created.push(
      namespace
        ? new kubernetes.rbac.v1.RoleBinding(child, binding, opts)
        : new kubernetes.rbac.v1.ClusterRoleBinding(child, binding, opts),
    );
  }
  return created;
}
