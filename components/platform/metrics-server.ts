import * as kubernetes from "@pulumi/kubernetes";
import { imageReference } from "../model/images";
import { platformImages } from "../settings/versions";
import { Layer, type LayerOptions } from "../shared/layer";
import {
  addonNamespace,
  containerSecurity,
  controlPlaneToleration,
  podSecurity,
  serviceAccount,
  type SystemAddonArgs,
} from "./system-addon";

const app = "metrics-server";
const labels = { "k8s-app": app };
const read = ["get", "list", "watch"];

/**
 * metrics-server: what autoscalers and `kubectl top` know of pods and nodes. It checks the kubelets' certificates, so
 * that their serving certificates must be signed by the cluster (see ./kubelet-certificates).
 *
 * Source: github.com/kubernetes-sigs/metrics-server, manifests/base.
 */
export class MetricsServer extends Layer {
  constructor(name: string, args: SystemAddonArgs, opts?: LayerOptions) {
    super("talos-mesh:platform:MetricsServer", name, opts);
    const account = serviceAccount(
      name,
      app,
      [
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
      ],
      args,
      this.child,
    );
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
    const deployment = new kubernetes.apps.v1.Deployment(
      name,
      {
        metadata: { name: app, namespace: addonNamespace, labels },
        spec: {
          selector: { matchLabels: labels },
          strategy: { rollingUpdate: { maxUnavailable: 0 } },
          template: { metadata: { labels }, spec: podSpec(args) },
        },
      },
      this.after(...account),
    );
    const service = new kubernetes.core.v1.Service(
      name,
      {
        metadata: { name: app, namespace: addonNamespace, labels },
        spec: { selector: labels, ports: [{ name: "https", port: 443, targetPort: "https" }] },
      },
      this.child,
    );
    // Registered last: while what answers for an API group is not there, discovery reports errors to everybody.
    new kubernetes.apiregistration.v1.APIService(
      name,
      {
        metadata: { name: "v1beta1.metrics.k8s.io", labels },
        spec: {
          group: "metrics.k8s.io",
          version: "v1beta1",
          groupPriorityMinimum: 100,
          versionPriority: 100,
          // Its certificate is its own, made anew at each start.
          insecureSkipTLSVerify: true,
          service: { name: app, namespace: addonNamespace },
        },
      },
      this.after(deployment, service),
    );
    this.registerOutputs();
  }
}

const podSpec = ({ images }: SystemAddonArgs) => ({
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
