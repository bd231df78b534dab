import { rootNamespace } from "../../../components/shared/istio";
import { asTree, type Tree } from "../../../components/shared/merge";
import { own } from "../../../components/shared/own";
import { type GuardedResource, inProduction, object, release, type StackGuardrail } from "../guardrail";
import {
  type GuardedObject,
  type GuardedRelease,
  objectsIn,
  releasesIn,
  selects,
  stringIn,
  valueAt,
  yamlIn,
} from "../resources";

const istiod = (pilot: Tree) => release("istiod", rootNamespace, { pilot });

const spread = [{ maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" }];

/** A waypoint or gateway that istiod deploys. */
const waypoint = object({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "waypoint", namespace: "bookinfo" },
  spec: { gatewayClassName: "istio-waypoint", listeners: [{ name: "mesh", port: 15008, protocol: "HBONE" }] },
});

export const highAvailability: StackGuardrail = {
  id: "high-availability",
  title: "Gateways, waypoints and control plane survive the loss of a node in production",
  why: "One pod, or two on one node, is an outage with every drained node: of the edge, of the policies of a namespace, or of every pod that starts.",
  severity: inProduction,
  sees: "Releases of istiod and of gateways by their values; Gateways that istiod deploys by their parameters (parametersRef, or those of their class) and by HorizontalPodAutoscalers and PodDisruptionBudgets of the stack. At least two replicas, a PodDisruptionBudget, and affinity or topologySpreadConstraints.",
  scope: "stack",
  *check(resources) {
    for (const [resource, found] of allDeployed(resources)) {
      const missing = [
        found.replicas < 2 && `at least 2 replicas (found ${found.replicas})`,
        !found.hasBudget && "a PodDisruptionBudget",
        !found.isSpread && "a spread over nodes",
      ].filter((each) => each !== false);
      if (missing.length > 0) yield { resource, message: `needs ${missing.join(", ")}; ${found.remedy}` };
    }
  },
  passing: { resources: [istiod({ autoscaleMin: 2, topologySpreadConstraints: spread })] },
  failing: { resources: [istiod({ cni: { enabled: true } }), waypoint] },
};

interface Deployed {
  readonly replicas: number;
  readonly hasBudget: boolean;
  readonly isSpread: boolean;
  readonly remedy: string;
}

function allDeployed(resources: readonly GuardedResource[]): [GuardedResource, Deployed][] {
  const objects = objectsIn(resources);
  const istiods = releasesIn(resources, "istiod");
  return [
    ...istiods.map((one): [GuardedResource, Deployed] => [one, controlPlane(one, objects)]),
    ...releasesIn(resources, "gateway").map((one): [GuardedResource, Deployed] => [one, chartGateway(one, objects)]),
    ...objects
      .filter(({ kind, apiGroup, spec }) => {
        return kind === "Gateway" && apiGroup !== "networking.istio.io" && isDeployed(spec);
      })
      .map((one): [GuardedResource, Deployed] => [one, gatewayApi(one, objects, istiods)]),
  ];
}

function controlPlane({ values }: GuardedRelease, objects: readonly GuardedObject[]): Deployed {
  const { autoscaleEnabled = values.profile !== "demo", autoscaleMin, replicaCount, ...pilot } = asTree(values.pilot);
  return {
    replicas: countOf(autoscaleEnabled === false ? replicaCount : autoscaleMin),
    hasBudget:
      valueAt(values, "global.defaultPodDisruptionBudget.enabled") !== false ||
      hasBudgetFor(objects, rootNamespace, { app: "istiod", istio: "pilot" }),
    isSpread: isSpread(pilot),
    remedy:
      "set talos-mesh:mesh.values.istiod: autoscaleMin: 2, and topologySpreadConstraints with the label app: istiod",
  };
}

function chartGateway({ values, props, namespace }: GuardedRelease, objects: readonly GuardedObject[]): Deployed {
  const { autoscaling, replicaCount, podDisruptionBudget } = values;
  const { enabled = true, minReplicas } = asTree(autoscaling);
  const name = String(props.name);
  return {
    replicas: countOf(enabled === false ? replicaCount : minReplicas),
    hasBudget:
      Object.keys(asTree(podDisruptionBudget)).length > 0 ||
      hasBudgetFor(objects, namespace, { app: name, istio: name.replace(/^istio-/, "") }),
    isSpread: isSpread(values),
    remedy: "set replicas, podDisruptionBudget and antiAffinity of talos-mesh:gateways.<name>",
  };
}

/** Classes from which istiod deploys proxies; in other cases others do, or it is attached to a gateway that exists. */
function isDeployed({ gatewayClassName, addresses }: Tree): boolean {
  const isIstios = gatewayClassName === "istio" || gatewayClassName === "istio-waypoint";
  return isIstios && addresses === undefined;
}

function gatewayApi(
  gateway: GuardedObject,
  objects: readonly GuardedObject[],
  istiods: readonly GuardedRelease[],
): Deployed {
  const { namespace, objectName, spec } = gateway;
  const { gatewayClassName } = spec;
  const isWaypoint = gatewayClassName === "istio-waypoint";
  const parameters = stringIn(spec, "infrastructure.parametersRef.name");
  const ofMaps = objects
    .filter(({ kind }) => kind === "ConfigMap")
    .filter(
      (one) =>
        (one.namespace === namespace && one.objectName === parameters) ||
        (one.namespace === rootNamespace &&
          own(one.labels, "gateway.istio.io/defaults-for-class") === gatewayClassName),
    )
    .map(({ props }) =>
      Object.fromEntries(Object.entries(asTree(props.data)).map(([key, text]) => [key, yamlIn(text)])),
    );
  // The chart reads its values a second time under `pilot`, and makes of these the defaults of the class.
  const ofClass = istiods
    .flatMap(({ values }) => [values.gatewayClasses, asTree(values.pilot).gatewayClasses])
    .map((classes) => asTree(own(asTree(classes), String(gatewayClassName))));
  const overlays = [...ofMaps, ...ofClass];
  const overlay = (key: string) => overlays.map((each) => asTree(asTree(own(each, key)).spec));
  const name = isWaypoint ? objectName : `${objectName}-istio`;
  const scalers = objects
    .filter((one) => one.kind === "HorizontalPodAutoscaler" && one.namespace === namespace)
    .filter((one) => stringIn(one.spec, "scaleTargetRef.name") === name)
    .map((one) => one.spec);
  const replicas = [
    ...overlay("deployment").map((one) => one.replicas),
    ...[...overlay("horizontalPodAutoscaler"), ...scalers].map((one) => one.minReplicas),
  ];
  return {
    replicas: Math.max(1, ...replicas.map(countOf)),
    hasBudget:
      overlays.some((each) => own(each, "podDisruptionBudget") !== undefined) ||
      hasBudgetFor(objects, namespace, { "gateway.networking.k8s.io/gateway-name": objectName }),
    isSpread:
      overlay("deployment").some((one) => isSpread(asTree(valueAt(one, "template.spec")))) ||
      (isWaypoint && istiods.some(({ values }) => isSpread(asTree(valueAt(values, "global.waypoint"))))),
    remedy: isWaypoint
      ? "set them for all waypoints: gatewayClasses.istio-waypoint of talos-mesh:mesh.values.istiod, with deployment, horizontalPodAutoscaler and podDisruptionBudget"
      : "set replicas, podDisruptionBudget and antiAffinity of talos-mesh:gateways.<name>",
  };
}

/** Of values that only a deployment can know, and of those that are not set, the charts' default. */
function countOf(value: unknown): number {
  return typeof value === "number" ? value : 1;
}

function isSpread({ affinity, topologySpreadConstraints }: Tree): boolean {
  const hasConstraints = Array.isArray(topologySpreadConstraints) && topologySpreadConstraints.length > 0;
  return hasConstraints || asTree(affinity).podAntiAffinity !== undefined;
}

/** Whether a PodDisruptionBudget of the stack is for pods with these labels. */
function hasBudgetFor(objects: readonly GuardedObject[], namespace: string, labels: Tree): boolean {
  return objects.some((one) => {
    if (one.kind !== "PodDisruptionBudget" || one.namespace !== namespace) return false;
    const selector = asTree(valueAt(one.spec, "selector.matchLabels"));
    return Object.keys(selector).length > 0 && selects(selector, labels);
  });
}
