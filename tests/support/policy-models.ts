import { security } from "../../components/settings/sections/security";
import { traffic } from "../../components/settings/sections/traffic";
import type { GatewayWorkload, Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../../policies/model";
import type { z } from "zod";

/** Models for the tests of policies, from what a stack file would say. */

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
  return { name, namespace, serviceAccount: `${name}-account`, port: 9080, versions };
}

export interface PolicyWords {
  readonly traffic?: z.input<typeof traffic>;
  readonly security?: z.input<typeof security>;
}

/** A model of the shop with these policies; `places` changes what is deployed where. */
export function shopModel(words: PolicyWords, places: Partial<PolicyModel> = {}): PolicyModel {
  const workloads = places.workloads ?? shop;
  return {
    traffic: traffic.parse(words.traffic ?? {}),
    security: security.parse(words.security ?? {}),
    mtls: "STRICT",
    objects: [],
    accessLog: false,
    istioVersion: "1.31.1",
    trustDomain: "cluster.local",
    rootNamespace: "istio-system",
    defaultNamespace: "shop",
    workloads,
    gateways: [ingress],
    waypoints: [],
    dataPlanes: Object.fromEntries(workloads.map(({ namespace }) => [namespace, "sidecar"])),
    environment: "dev",
    ...places,
  };
}

/** The shop in the ambient data plane: behind a waypoint that what comes in by a gateway goes through as well. */
export function ambientShop(words: PolicyWords, places: Partial<PolicyModel> = {}): PolicyModel {
  const workloads = (places.workloads ?? shop).map((one) => ({ versionServices: true, ...one }));
  return shopModel(words, {
    waypoints: [{ name: "waypoint", namespace: "shop", ingress: true }],
    dataPlanes: { shop: "ambient" },
    ...places,
    workloads,
  });
}
