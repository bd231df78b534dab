import * as kubernetes from "@pulumi/kubernetes";
import type { CustomResourceOptions } from "@pulumi/pulumi";
import { revisionName } from "../model/control-planes";
import { defaultRevision } from "../shared/istio";
import type { MeshSettings } from "../settings/sections/mesh";
import { waypointName } from "../model/object-names";
import { digestOf } from "../shared/digest";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleStep, type MeshStepInput, type StepAccess } from "./lifecycle/steps";
import type { ClusterFacts } from "./values/common-values";

/** istiod creates a Deployment and a Service from each: https://istio.io/latest/docs/ambient/usage/waypoint/ */
export function waypointObjects(mesh: MeshSettings): KubernetesObject[] {
  return mesh.waypoints.map((waypoint) => {
    const revision = revisionName(mesh, waypoint.namespace);
    return {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: {
        name: waypointName(waypoint),
        namespace: waypoint.namespace,
        labels: {
          "istio.io/waypoint-for": "service",
          ...(revision !== defaultRevision && { "istio.io/rev": revision }),
        },
      },
      spec: { gatewayClassName: "istio-waypoint", listeners: [{ name: "mesh", port: 15008, protocol: "HBONE" }] },
    };
  });
}

/**
 * Labels that send the traffic of a Service, and of the Services of its versions, through a waypoint: the Service's own or
 * that of its namespace. They are on Services and not on the namespace, because the namespace is created before the
 * waypoint, and istiod ignores a label whose waypoint does not exist.
 */
export function waypointLabels(
  { waypoints }: Pick<MeshSettings, "waypoints">,
  namespace: string,
  service: string,
): Readonly<Record<string, string>> {
  const inNamespace = waypoints.filter((each) => each.namespace === namespace);
  const waypoint =
    inNamespace.find((each) => each.service === service) ?? inNamespace.find((each) => each.service === undefined);
  if (!waypoint) return {};
  return {
    "istio.io/use-waypoint": waypointName(waypoint),
    ...(waypoint.ingress && { "istio.io/ingress-use-waypoint": "true" }),
  };
}

/** The proxies of the ambient data plane that understand HTTP. They are created once istiod runs, and deleted before it. */
export class Waypoints extends Layer {
  constructor(
    name: string,
    { mesh, cluster }: { readonly mesh: MeshSettings; readonly cluster: ClusterFacts & StepAccess },
    opts?: LayerOptions,
  ) {
    super("talos-mesh:mesh:Waypoints", name, opts);
    for (const object of waypointObjects(mesh)) {
      // The Deployment has the Gateway's name. Source: istio/istio, pilot/pkg/config/kube/gatewaycommon/classinfo.go.
      const { name: release, namespace = "" } = object.metadata;
      deployedByIstiod(`${name}-${namespace}/${release}`, object, { namespace, release }, cluster, this.child);
    }
    this.registerOutputs();
  }
}

/**
 * A Gateway from which istiod creates a Deployment and a Service. On real nodes this waits until istiod reports it as
 * `Programmed`, unless it waits for a load balancer: before that, istiod sends no traffic through a waypoint, and its
 * policies are not enforced. Then it waits for all pods, as istiod reports `Programmed` once the first one is ready.
 * Source: istio/istio, pilot/pkg/serviceregistry/ambient/waypoints.go.
 */
export function deployedByIstiod(
  name: string,
  gateway: KubernetesObject,
  input: Omit<MeshStepInput<"gateway-address">, "values">,
  cluster: ClusterFacts & StepAccess,
  opts: CustomResourceOptions,
): void {
  const isReal = !cluster.simulatedNodes;
  const untilProgrammed = { annotations: { "pulumi.com/waitFor": "condition=Programmed" } };
  const metadata = { ...gateway.metadata, ...(isReal && input.addressSeconds === undefined && untilProgrammed) };
  const created = new kubernetes.apiextensions.CustomResource(name, { ...gateway, metadata }, opts);
  const request = { ...input, values: digestOf(gateway) };
  const afterIt = { ...opts, dependsOn: created };
  if (isReal) lifecycleStep(`${name}-ready`, "gateway-address", request, cluster, afterIt);
}
