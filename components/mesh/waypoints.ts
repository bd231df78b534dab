import * as kubernetes from "@pulumi/kubernetes";
import { defaultRevision, revisionName } from "../model/control-planes";
import type { MeshSettings } from "../settings/sections/mesh";
import { waypointName } from "../model/waypoints";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { Layer, type LayerOptions } from "../shared/layer";
import { changesWith, lifecycleStep, type StepAccess } from "./lifecycle/steps";
import type { ClusterFacts } from "./values/common-values";

/**
 * Waypoints as objects: istiod makes a Deployment and a Service of each Gateway of class `istio-waypoint`.
 *
 * https://istio.io/latest/docs/ambient/usage/waypoint/
 */
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
      spec: {
        gatewayClassName: "istio-waypoint",
        listeners: [{ name: "mesh", port: 15008, protocol: "HBONE" }],
      },
    };
  });
}

/**
 * Labels of a Service, and of those that stand for its versions, by which its traffic goes through a waypoint: its own,
 * or that of its namespace. They stand on Services and not on the namespace, because the namespace is there before the
 * waypoint, and a label that names a waypoint which is not there is without effect.
 */
export function waypointLabels(
  { waypoints }: Pick<MeshSettings, "waypoints">,
  namespace: string,
  service: string,
): Readonly<Record<string, string>> {
  const here = waypoints.filter((waypoint) => waypoint.namespace === namespace);
  const waypoint = here.find((each) => each.service === service) ?? here.find(({ service: of }) => of === undefined);
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
 * The proxies of the ambient data plane that understand HTTP. Made once istiod runs, and gone before it goes. On real
 * nodes each is there once all its pods run: to be programmed, one that istiod knows is enough.
 */
export class Waypoints extends Layer {
  constructor(name: string, args: WaypointsArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:Waypoints", name, opts);
    const { mesh, cluster } = args;
    for (const object of waypointObjects(mesh)) {
      const { metadata, ...waypoint } = object;
      const { name: release, namespace = "" } = metadata;
      const made = new kubernetes.apiextensions.CustomResource(
        `${name}-${namespace}/${release}`,
        { ...waypoint, metadata: { ...metadata, ...(!cluster.simulatedNodes && untilProgrammed) } },
        this.child,
      );
      if (cluster.simulatedNodes) continue;
      // The Deployment has the Gateway's own name: istio/istio, pilot/pkg/config/kube/gatewaycommon/classinfo.go.
      lifecycleStep(
        `${name}-${namespace}/${release}-ready`,
        {
          step: "gateway-address",
          when: "applied",
          access: cluster,
          request: { namespace, release, values: changesWith(object) },
        },
        this.after(made),
      );
    }
    this.registerOutputs();
  }
}

/**
 * Until then istiod hands the waypoint to nobody, and what it is to enforce is not enforced. On simulated nodes no
 * istiod runs that could ever say so.
 * Source: istio/istio, pilot/pkg/serviceregistry/ambient/waypoints.go.
 */
export const untilProgrammed = { annotations: { "pulumi.com/waitFor": "condition=Programmed" } };
