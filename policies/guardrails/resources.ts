import { parseDocument } from "yaml";
import { releaseType } from "../../components/shared/kubernetes/helm-records";
import { asTree, isTree, type Tree, treesIn } from "../../components/shared/merge";
import { own } from "../../components/shared/own";
import { isSystemNamespace } from "../../components/shared/istio";
import type { GuardedResource } from "./guardrail";

/** A Kubernetes object among the resources. */
export interface GuardedObject extends GuardedResource {
  readonly apiGroup: string;
  readonly kind: string;
  readonly objectName: string;
  /** Empty for objects of the whole cluster. */
  readonly namespace: string;
  readonly labels: Tree;
  readonly annotations: Tree;
  readonly spec: Tree;
}

/** A release of a chart among the resources. What the chart makes of its values is not among them. */
export interface GuardedRelease extends GuardedResource {
  /** The last part of its name: `istiod` of `oci://example.com/charts/istiod`. */
  readonly chart: string;
  readonly namespace: string;
  readonly values: Tree;
}

export function objectIn(resource: GuardedResource): GuardedObject | undefined {
  const { apiVersion, kind, metadata, spec } = resource.props;
  if (typeof apiVersion !== "string" || typeof kind !== "string" || resource.type === releaseType) return undefined;
  const { name, namespace, labels, annotations } = asTree(metadata);
  return {
    ...resource,
    apiGroup: apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "",
    kind,
    objectName: typeof name === "string" ? name : resource.name,
    namespace: typeof namespace === "string" ? namespace : "",
    labels: asTree(labels),
    annotations: asTree(annotations),
    spec: asTree(spec),
  };
}

export function releaseIn(resource: GuardedResource): GuardedRelease | undefined {
  if (resource.type !== releaseType) return undefined;
  const { chart, namespace, values } = resource.props;
  return {
    ...resource,
    chart: String(chart).split("/").at(-1) ?? "",
    namespace: typeof namespace === "string" ? namespace : "",
    values: asTree(values),
  };
}

export function objectsIn(resources: readonly GuardedResource[], kind?: string, apiGroup?: string): GuardedObject[] {
  return resources.flatMap((resource) => {
    const found = objectIn(resource);
    const fits = found && (kind ?? found.kind) === found.kind && (apiGroup ?? found.apiGroup) === found.apiGroup;
    return fits ? [found] : [];
  });
}

export function releasesIn(resources: readonly GuardedResource[], chart?: string): GuardedRelease[] {
  return resources.flatMap((resource) => {
    const found = releaseIn(resource);
    return found && (chart ?? found.chart) === found.chart ? [found] : [];
  });
}

/** How violations and exceptions name a resource: `Deployment/bookinfo/reviews-v1`, `Release/istio-system/istiod`,
 * `Command/cluster-machine-secrets`. */
export function titleOf(resource: GuardedResource): string {
  const found = objectIn(resource);
  if (found) return [found.kind, found.namespace, found.objectName].filter((part) => part !== "").join("/");
  const release = releaseIn(resource);
  if (release) return `Release/${release.namespace}/${stringIn(release.props, "name") ?? release.name}`;
  return `${resource.type.split(":").at(-1)}/${resource.name}`;
}

/** The value at a path of keys with dots between them. */
export function valueAt(tree: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => (isTree(value) ? own(value, key) : undefined), tree);
}

export function stringIn(tree: unknown, path: string): string | undefined {
  const value = valueAt(tree, path);
  return typeof value === "string" ? value : undefined;
}

export function stringsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** Whether it is for every name, or for every one of a top-level domain: `*`, `*.com`. */
export function isOpenHost(host: string | undefined): boolean {
  return host === undefined || /^\*(\.[^.]*)?$/.test(host);
}

/** Whether labels have all of a selector's; without any, it selects everything. */
export function selects(selector: Tree, labels: Tree): boolean {
  return Object.entries(selector).every(([key, value]) => own(labels, key) === value);
}

/** The pods that an object creates, or that it is. */
export function podSpecIn({ kind, spec }: GuardedObject): Tree | undefined {
  switch (kind) {
    case "Pod":
      return spec;
    case "CronJob":
      return asTree(valueAt(spec, "jobTemplate.spec.template.spec"));
    case "DaemonSet":
    case "Deployment":
    case "Job":
    case "ReplicaSet":
    case "StatefulSet":
      return asTree(valueAt(spec, "template.spec"));
    default:
      return undefined;
  }
}

export interface Container {
  readonly name: string;
  readonly props: Tree;
}

/** With init containers. */
export function containersIn(resource: GuardedResource): Container[] {
  const found = objectIn(resource);
  const pod = found && podSpecIn(found);
  if (!pod) return [];
  return [...treesIn(pod.initContainers), ...treesIn(pod.containers)].map((props) => ({
    name: stringIn(props, "name") ?? "unnamed",
    props,
  }));
}

/** A part of a stack's mesh. */
export interface MeshNamespace {
  readonly name: string;
  readonly dataPlane: "sidecar" | "ambient";
  /** What makes it one: the Namespace, or a workload that asks for a sidecar. */
  readonly resource: GuardedObject;
}

/** Namespaces that are part of the mesh by labels that the stack sets, each once. */
export function meshNamespacesIn(resources: readonly GuardedResource[]): MeshNamespace[] {
  const found = new Map<string, MeshNamespace>();
  const add = (name: string, dataPlane: MeshNamespace["dataPlane"], resource: GuardedObject) => {
    if (!isSystemNamespace(name) && !found.has(name)) found.set(name, { name, dataPlane, resource });
  };
  for (const one of objectsIn(resources, "Namespace", "")) {
    if (own(one.labels, "istio.io/dataplane-mode") === "ambient") add(one.objectName, "ambient", one);
    const isInjected =
      own(one.labels, "istio-injection") === "enabled" || own(one.labels, "istio.io/rev") !== undefined;
    if (isInjected) add(one.objectName, "sidecar", one);
  }
  for (const one of objectsIn(resources).filter(podSpecIn)) {
    const labels = podLabelsIn(one);
    const isInjected = own(labels, "sidecar.istio.io/inject") === "true" || own(labels, "istio.io/rev") !== undefined;
    if (isInjected) add(one.namespace, "sidecar", one);
  }
  return [...found.values()];
}

export function podLabelsIn(workload: GuardedObject): Tree {
  return workload.kind === "Pod" ? workload.labels : asTree(valueAt(workload.spec, "template.metadata.labels"));
}

/** YAML in a value of a ConfigMap, such as the parameters of a Gateway. */
export function yamlIn(text: unknown): unknown {
  return typeof text === "string" ? (parseDocument(text).toJS() as unknown) : undefined;
}
