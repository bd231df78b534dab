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

const app = "kubelet-serving-cert-approver";
const labels = { "app.kubernetes.io/name": app, "app.kubernetes.io/instance": app };

/**
 * kubelet-serving-cert-approver: signs what kubelets ask for that rotate their serving certificates
 * (`rotate-server-certificates`). Kubernetes signs those for nobody; without them logs, exec and metrics-server fail.
 *
 * Source: github.com/alex1989hu/kubelet-serving-cert-approver, deploy/standalone-install.yaml.
 */
export class KubeletCertificates extends Layer {
  constructor(name: string, args: SystemAddonArgs, opts?: LayerOptions) {
    super("talos-mesh:platform:KubeletCertificates", name, opts);
    const certificates = "certificates.k8s.io";
    const account = serviceAccount(
      name,
      app,
      [
        {
          kind: "ClusterRole",
          role: `certificates:${app}`,
          rules: [
            { apiGroups: [certificates], resources: ["certificatesigningrequests"], verbs: ["get", "list", "watch"] },
            { apiGroups: [certificates], resources: ["certificatesigningrequests/approval"], verbs: ["update"] },
            { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
            {
              apiGroups: [certificates],
              resources: ["signers"],
              resourceNames: ["kubernetes.io/kubelet-serving"],
              verbs: ["approve"],
            },
          ],
        },
        {
          kind: "ClusterRole",
          role: `events:${app}`,
          // Events of objects without a namespace are kept here.
          namespace: "default",
          rules: [{ apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] }],
        },
      ],
      args,
      this.child,
    );
    new kubernetes.apps.v1.Deployment(
      name,
      {
        metadata: { name: app, namespace: addonNamespace, labels },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: podSpec(args) },
        },
      },
      this.after(...account),
    );
    this.registerOutputs();
  }
}

const podSpec = ({ images }: SystemAddonArgs) => ({
  serviceAccountName: app,
  priorityClassName: "system-cluster-critical",
  securityContext: podSecurity,
  tolerations: [controlPlaneToleration],
  containers: [
    {
      name: "cert-approver",
      image: imageReference(images, platformImages.kubeletServingCertApprover),
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
});
