import { exampleOf, object, release } from "../../../policies/guardrails/guardrail";
import { type Case, configMap, deployment, gatewayApi, namespace } from "./case";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const spread = [{ maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" }];
const waypoint = gatewayApi("Gateway", "waypoint", { gatewayClassName: "istio-waypoint" });

export const workloadCases: readonly Case[] = [
  {
    id: "images-pinned",
    name: "reads ports of registries, digests, init containers, jobs and the injector's image",
    resources: [
      deployment({
        initContainers: [{ name: "migrate", image: "registry.example.com:5000/shop/migrate" }],
        containers: [
          { name: "shop", image: `registry.example.com:5000/shop@${digest}` },
          { name: "istio-proxy", image: "auto" },
        ],
      }),
      object({
        apiVersion: "batch/v1",
        kind: "CronJob",
        metadata: { name: "report", namespace: "shop" },
        spec: {
          jobTemplate: { spec: { template: { spec: { containers: [{ name: "report", image: "report:latest" }] } } } },
        },
      }),
      release("grafana", "observability", {
        image: { registry: "docker.io", repository: "grafana/grafana", tag: "latest" },
      }),
    ],
    messages: [
      "Deployment/shop/shop: container migrate: found registry.example.com:5000/shop/migrate without a tag",
      "CronJob/shop/report: container report: found report by tag latest",
      "Release/observability/grafana: values.image: found docker.io/grafana/grafana by tag latest",
    ],
  },
  {
    id: "images-by-digest",
    name: "finds the images of Istio's charts, and those of addons with a digest in the tag or next to it",
    resources: [
      release("ztunnel", "istio-system", { hub: "mirror.example.com/istio", tag: "1.31.1" }),
      release("cni", "istio-system", { cni: { image: `mirror.example.com/istio/install-cni:1.31.1@${digest}` } }),
      release("grafana", "observability", { image: { repository: "grafana/grafana", tag: `13.2.0@${digest}` } }),
      release("alloy", "observability", { image: { repository: "grafana/alloy", tag: "v1.18.1", digest } }),
      release("kiali-server", "observability", {
        deployment: { image_name: "quay.io/kiali/kiali", image_version: "v2.27.0" },
      }),
    ],
    messages: [
      "Release/istio-system/ztunnel: without a digest: values.image: mirror.example.com/istio/ztunnel:1.31.1",
      "Release/observability/kiali-server: without a digest: values.deployment: quay.io/kiali/kiali:v2.27.0",
    ],
  },
  {
    id: "resources-set",
    name: "leaves pods of the cluster alone",
    resources: [deployment({ containers: [{ name: "metrics-server" }] }, {}, "kube-system")],
    messages: [],
  },
  {
    id: "no-privileged-pods",
    name: "finds what reaches the node, and leaves the node agents of the mesh alone",
    resources: [
      deployment({
        hostNetwork: true,
        volumes: [{ name: "node", hostPath: { path: "/" } }],
        containers: [
          { name: "a", securityContext: { capabilities: { add: ["NET_ADMIN", "NET_BIND_SERVICE"] } } },
          { name: "b", securityContext: { privileged: false } },
        ],
      }),
      object({
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        metadata: { name: "ztunnel", namespace: "istio-system" },
        spec: { template: { spec: { containers: [{ name: "ztunnel", securityContext: { privileged: true } }] } } },
      }),
      namespace({ "pod-security.kubernetes.io/enforce": "privileged" }),
      namespace({ "pod-security.kubernetes.io/enforce": "privileged" }, "istio-system"),
    ],
    messages: [
      "Deployment/shop/shop: pods have hostNetwork",
      "Deployment/shop/shop: volume node is a folder of the node",
      "Deployment/shop/shop: container a adds NET_ADMIN",
      "Namespace/shop: admits privileged pods",
    ],
  },
  {
    id: "pod-security-labels",
    name: "refuses a level that Kubernetes does not know",
    resources: [namespace({ "pod-security.kubernetes.io/enforce": "strict" })],
    messages: ["Namespace/shop: label pod-security.kubernetes.io/enforce is strict, which is no level"],
  },
  {
    id: "no-node-ports",
    name: "reads Services of charts, parameters of Gateways and their annotation",
    resources: [
      release("grafana", "observability", { service: { type: "NodePort" }, headlessService: { type: "ClusterIP" } }),
      configMap("edge", {
        service:
          "spec: { type: NodePort, ports: [{ name: https, port: 443 }, { name: http, port: 80, nodePort: 30080 }] }",
      }),
      configMap("declared", { service: "spec: { type: NodePort, ports: [{ port: 443, nodePort: 30443 }] }" }),
      gatewayApi("Gateway", "edge", {}, { annotations: { "networking.istio.io/service-type": "NodePort" } }),
    ],
    messages: [
      "Release/observability/grafana: values.service.type is NodePort",
      "ConfigMap/shop/edge: Kubernetes chooses the node ports of https;",
      "Gateway/shop/edge: Kubernetes chooses its node ports",
    ],
  },
  {
    id: "secrets-protected",
    name: "leaves other commands alone",
    resources: [exampleOf("command:local:Command", "cluster-health", {})],
    messages: [],
  },
  {
    id: "no-plain-secrets",
    name: "finds variables that are named like secrets, and does not repeat their values",
    resources: [
      deployment({
        containers: [
          {
            name: "shop",
            env: [
              { name: "DB_PASSWORD", value: "hunter2" },
              { name: "API_TOKEN", valueFrom: { secretKeyRef: { name: "api", key: "token" } } },
              { name: "TOKENIZER", value: "words" },
            ],
          },
        ],
      }),
    ],
    messages: ["Deployment/shop/shop: container shop: variable DB_PASSWORD has its value here"],
  },
  {
    id: "high-availability",
    name: "counts the replicas of the gateway chart by what decides them",
    resources: [
      release(
        "gateway",
        "a",
        {
          autoscaling: { enabled: false },
          replicaCount: 3,
          affinity: { podAntiAffinity: {} },
          podDisruptionBudget: { minAvailable: 1 },
        },
        "istio-a",
      ),
      release(
        "gateway",
        "b",
        { replicaCount: 3, topologySpreadConstraints: spread, podDisruptionBudget: { minAvailable: 1 } },
        "istio-b",
      ),
      release("gateway", "c", { autoscaling: { minReplicas: 2 }, topologySpreadConstraints: spread }, "istio-c"),
      object({
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: "istio-c", namespace: "c" },
        spec: { minAvailable: 1, selector: { matchLabels: { istio: "c" } } },
      }),
    ],
    messages: ["Release/b/istio-b: needs at least 2 replicas (found 1);"],
  },
  {
    id: "high-availability",
    name: "takes the parameters of a waypoint's class, from the values of istiod",
    resources: [
      release("istiod", "istio-system", {
        pilot: {
          autoscaleMin: 2,
          topologySpreadConstraints: spread,
          gatewayClasses: {
            "istio-waypoint": {
              deployment: { spec: { replicas: 2, template: { spec: { topologySpreadConstraints: spread } } } },
              podDisruptionBudget: { spec: { minAvailable: 1 } },
            },
          },
        },
      }),
      waypoint,
    ],
    messages: [],
  },
  {
    id: "high-availability",
    name: "takes the parameters of a Gateway, and objects of the stack",
    resources: [
      gatewayApi("Gateway", "edge", {
        gatewayClassName: "istio",
        infrastructure: { parametersRef: { kind: "ConfigMap", name: "edge" } },
      }),
      configMap("edge", {
        deployment: "spec: { template: { spec: { affinity: { podAntiAffinity: {} } } } }",
        podDisruptionBudget: "spec: { minAvailable: 1 }",
      }),
      waypoint,
      object({
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: { name: "waypoint", namespace: "shop" },
        spec: { minReplicas: 2, scaleTargetRef: { kind: "Deployment", name: "waypoint" } },
      }),
      gatewayApi("Gateway", "of-others", { gatewayClassName: "cilium" }),
    ],
    messages: [
      "Gateway/shop/edge: needs at least 2 replicas (found 1);",
      "Gateway/shop/waypoint: needs a PodDisruptionBudget, a spread over nodes;",
    ],
  },
  {
    id: "high-availability",
    name: "finds one istiod in the demo profile, whose autoscaler is off",
    resources: [
      release("istiod", "istio-system", {
        profile: "demo",
        pilot: { autoscaleMin: 2, topologySpreadConstraints: spread },
      }),
    ],
    messages: ["Release/istio-system/istiod: needs at least 2 replicas (found 1);"],
  },
  {
    id: "observability-persistent",
    name: "reads the values of each chart",
    resources: [
      release("loki", "o", {
        singleBinary: { persistence: { enabled: true } },
        loki: { limits_config: { retention_period: "14d" } },
      }),
      release("grafana", "o", {}),
      release("jaeger", "o", {
        userconfig: { extensions: { jaeger_storage: { backends: { traces: { memory: {} } } } } },
      }),
      release("zipkin", "o", {}),
      release("prometheus", "o", { server: { persistentVolume: { enabled: true } } }),
      release("kiali-server", "o", {}),
    ],
    messages: [
      "Release/o/loki: never deletes logs",
      "Release/o/grafana: keeps its users and dashboards with its pod",
      "Release/o/jaeger: keeps traces in memory",
      "Release/o/zipkin: keeps traces in memory",
      "Release/o/prometheus: has no retention of its own",
    ],
  },
];
