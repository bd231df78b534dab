import type { z } from "zod";
import { clusterSettings } from "../../components/cluster/kinds";
import { type NamedObjects, Names } from "../../components/model/names";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { versionServices } from "../../components/model/workloads";
import { policyModel } from "../../components/model/policies/resolve";
import { mesh } from "../../components/settings/sections/mesh";
import { security } from "../../components/settings/sections/security";
import { telemetry } from "../../components/settings/sections/telemetry";
import { traffic } from "../../components/settings/sections/traffic";
import type { Settings } from "../../components/settings/schema";
import { formatPath } from "../../components/shared/problem";
import { copyWithField } from "../../components/shared/unknown";
import type { GatewayWorkload, Workload } from "../../components/shared/workload";
import { policyProblems } from "../../components/validation/policies";

/** Models for the tests of policies, from what a stack file has. */

export const shop: readonly Workload[] = [
  workload("front", ["v1"]),
  workload("reviews", ["v1", "v2", "v3"]),
  workload("ratings", ["v1"]),
];

export const ingress: GatewayWorkload = {
  name: "ingress",
  namespace: "istio-ingress",
  service: "istio-ingress",
  serviceAccount: "istio-ingress",
  selector: { istio: "ingress" },
  ports: { "status-port": 15021, http2: 80, https: 443 },
};

export const egress: GatewayWorkload = {
  ...ingress,
  name: "egress",
  namespace: "istio-egress",
  service: "istio-egress",
  serviceAccount: "istio-egress",
  selector: { istio: "egress" },
};

export function workload(name: string, versions: readonly string[] = [], namespace = "shop"): Workload {
  return {
    name,
    namespace,
    labels: { app: name },
    serviceAccount: `${name}-account`,
    ports: [{ port: 9080, protocol: "http" }],
    versions,
  };
}

/** With a Service for each version. */
export function withVersionServices(workload: Workload): Workload {
  return { ...workload, versionServices: versionServices({ ...workload, versionServices: true }) };
}

/** What a stack file says of policies. */
export interface PolicySettings {
  readonly traffic?: z.input<typeof traffic>;
  readonly security?: z.input<typeof security>;
  readonly telemetry?: z.input<typeof telemetry>;
  readonly mesh?: Partial<
    Pick<z.input<typeof mesh>, "sidecars" | "proxyConfigs" | "outboundTrafficPolicy" | "dnsCapture">
  >;
}

/** Policies before their names are resolved, and what they may name. */
export interface ShopSources
  extends
    Pick<Settings, "traffic" | "security" | "telemetry">,
    NamedObjects,
    Pick<PolicyModel, "mtls" | "accessLog" | "trustDomain" | "sidecarScoping" | "objects">,
    Partial<Pick<PolicyModel, "pathNormalization" | "outboundTrafficPolicy" | "networkPolicies">>,
    Pick<Settings, "observability" | "verification"> {
  readonly istioVersion: string;
  readonly mesh: PolicySettings["mesh"];
}

/** What differs from the shop. */
export type Overrides = Partial<ShopSources>;

/** The shop with these policies. */
export function shopSources(settings: PolicySettings, overrides: Overrides = {}): ShopSources {
  const workloads = overrides.workloads ?? shop;
  return {
    traffic: traffic.parse(settings.traffic ?? {}),
    security: security.parse(settings.security ?? {}),
    telemetry: telemetry.parse(settings.telemetry ?? {}),
    mesh: settings.mesh,
    mtls: "STRICT",
    objects: [],
    accessLog: false,
    istioVersion: "1.31.1",
    trustDomain: "cluster.local",
    defaultNamespace: "shop",
    workloads,
    gateways: [ingress],
    waypoints: [],
    dataPlanes: Object.fromEntries(workloads.map(({ namespace }) => [namespace, "sidecar"])),
    ...overrides,
  };
}

/** The shop in the ambient data plane, with a waypoint that requests of gateways go through too. */
export function ambientSources(settings: PolicySettings, overrides: Overrides = {}): ShopSources {
  const workloads = (overrides.workloads ?? shop).map((one) => ({ ...withVersionServices(one), ...one }));
  return shopSources(settings, {
    waypoints: [{ name: "waypoint", namespace: "shop", ingress: true }],
    dataPlanes: { shop: "ambient" },
    ...overrides,
    workloads,
  });
}

export function modelOf(sources: ShopSources): PolicyModel {
  const { traffic, security, telemetry, observability, objects, istioVersion: version, sidecarScoping } = sources;
  const { mtls, accessLog, trustDomain, pathNormalization, outboundTrafficPolicy, verification } = sources;
  const ofMesh = mesh.parse({
    ...sources.mesh,
    ...{ version, mtls, accessLog, trustDomain, pathNormalization },
    ...(outboundTrafficPolicy && { outboundTrafficPolicy }),
  });
  const cluster = clusterSettings.parse({ kind: "existing", name: "shop", kubeconfig: { file: "kubeconfig" } });
  const settings = { cluster, traffic, security, telemetry, observability, objects, verification, mesh: ofMesh };
  const model = copyWithField(policyModel(settings, new Names(sources)), "sidecarScoping", () => sidecarScoping);
  return copyWithField(model, "networkPolicies", () => sources.networkPolicies ?? model.networkPolicies);
}

export function shopModel(settings: PolicySettings, overrides?: Overrides): PolicyModel {
  return modelOf(shopSources(settings, overrides));
}

export function ambientShop(settings: PolicySettings, overrides?: Overrides): PolicyModel {
  return modelOf(ambientSources(settings, overrides));
}

/** What validation refuses, as `path: message`. */
export function refusals(sources: ShopSources): string[] {
  const problems = policyProblems(modelOf(sources), { ...sources, mesh: { version: sources.istioVersion } });
  return [...problems].map(({ path, message }) => `${formatPath(path).replace(/^talos-mesh:/, "")}: ${message}`);
}
