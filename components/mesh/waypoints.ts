import * as kubernetes from "@pulumi/kubernetes";
import { revisionName } from "../model/control-planes";
import { defaultRevision } from "../shared/istio";
import type { MeshSettings } from "../settings/sections/mesh";
import { waypointName } from "../model/names";
import { digestOf } from "../shared/digest";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleStep, type StepAccess } from "./lifecycle/steps";
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

export interface WaypointsArgs {
  readonly mesh: MeshSettings;
  readonly cluster: ClusterFacts & StepAccess;
}

/**
 * The proxies of the ambient data plane that understand HTTP. They are created once istiod runs, and deleted before it. On
 * real nodes this waits until all pods of a waypoint run: istiod reports `Programmed` as soon as one of them is ready.
 */
export class Waypoints extends Layer {
  constructor(name: string, args: WaypointsArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:Waypoints", name, opts);
    const { mesh, cluster } = args;
    for (const object of waypointObjects(mesh)) {
      const { metadata, ...waypoint } = object;
      const { name: release, namespace = "" } = metadata;
      const created = new kubernetes.apiextensions.CustomResource(
        `${name}-${namespace}/${release}`,
        { ...waypoint, metadata: { ...metadata, ...(!cluster.simulatedNodes && untilProgrammed) } },
        this.child,
      );
      if (cluster.simulatedNodes) continue;
      // The Deployment has the Gateway's name. Source: istio/istio, pilot/pkg/config/kube/gatewaycommon/classinfo.go.
      const request = { namespace, release, values: digestOf(object) };
      const step = `${name}-${namespace}/${release}-ready`;
      lifecycleStep(step, "gateway-address", request, cluster, this.after(created));
    }
    this.registerOutputs();
  }
}

/**
 * Until then istiod sends no traffic through the waypoint, and its policies are not enforced.
 * Source: istio/istio, pilot/pkg/serviceregistry/ambient/waypoints.go.
 */
export const untilProgrammed = { annotations: { "pulumi.com/waitFor": "condition=Programmed" } };
