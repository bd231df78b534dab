import { type DataPlane, dataPlaneOf } from "../components/model/data-planes";
import type { Settings } from "../components/settings/schema";
import { type SidecarScoping, sidecarScoping } from "../components/model/scoping";
import { waypointWorkloads } from "../components/model/waypoints";
import { rootNamespace } from "../components/shared/istio";
import type { GatewayWorkload, WaypointWorkload, Workload } from "../components/shared/workload";

/**
 * What a policy compiler gets: the user's words and the workloads they may name, as plain data. It knows no
 * application: whoever deploys workloads lists them here.
 */
export interface PolicyModel {
  /** Routes, splits, faults, circuit breakers. */
  readonly traffic: Settings["traffic"];
  /** Authorization rules, tokens, egress, and exceptions from the mesh's mTLS mode. */
  readonly security: Settings["security"];
  /** Objects that a user wrote out, placed beside what is compiled. */
  readonly objects: NonNullable<Settings["objects"]>;
  /** mTLS mode of the whole mesh. */
  readonly mtls: Settings["mesh"]["mtls"];
  /** Whether proxies log every request already. */
  readonly accessLog: boolean;
  /** Release of Istio: what its API has. */
  readonly istioVersion: string;
  /** First part of every SPIFFE identity of the mesh. */
  readonly trustDomain: string;
  /** Where objects that hold for the whole mesh live. */
  readonly rootNamespace: string;
  /** Namespace of a service or workload that is named without one. */
  readonly defaultNamespace: string;
  /** Every workload that a policy may name, each name once in its namespace. */
  readonly workloads: readonly Workload[];
  /** Every gateway that a policy may name, each name once. */
  readonly gateways: readonly GatewayWorkload[];
  readonly waypoints: readonly WaypointWorkload[];
  /** What meshes the traffic of each namespace with workloads. */
  readonly dataPlanes: Readonly<Record<string, DataPlane>>;
  /** What proxies know beside whom their workloads may ask. @default every proxy knows the whole mesh */
  readonly sidecarScoping?: SidecarScoping;
  /** What guardrails go by. */
  readonly environment: Settings["environment"];
}

/** The slices of the settings that policies are made of, and what earlier layers deploy. */
export interface PolicySources extends Pick<
  Settings,
  "environment" | "mesh" | "observability" | "bookinfo" | "applications" | "traffic" | "security" | "objects"
> {
  /** Workloads that this program deploys; those of `applications` are added. */
  readonly workloads: readonly Workload[];
  readonly gateways: readonly GatewayWorkload[];
}

/** Makes the model. A name without a namespace is one of Bookinfo's, as the settings say. */
export function policyModel(sources: PolicySources): PolicyModel {
  const { environment, mesh, bookinfo, applications = [], traffic, security, gateways } = sources;
  const deployedByOthers = applications.flatMap(({ namespace, workloads }) =>
    workloads.map((workload) => ({ ...workload, namespace })),
  );
  const workloads = [...sources.workloads, ...deployedByOthers];
  return {
    traffic,
    security,
    objects: sources.objects ?? [],
    mtls: mesh.mtls,
    accessLog: mesh.accessLog ?? mesh.profile === "demo",
    istioVersion: mesh.version,
    trustDomain: mesh.trustDomain,
    rootNamespace,
    defaultNamespace: bookinfo?.namespace ?? "default",
    workloads,
    gateways,
    waypoints: waypointWorkloads(mesh),
    dataPlanes: Object.fromEntries(workloads.map(({ namespace }) => [namespace, dataPlaneOf(mesh, namespace)])),
    sidecarScoping: sidecarScoping(sources),
    environment,
  };
}
