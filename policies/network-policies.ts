import type { types } from "@pulumi/kubernetes";
import type { DataPlane } from "../components/model/data-planes";
import { workloadKey } from "../components/model/names";
import { policyName } from "../components/model/object-names";
import type { PolicyModel } from "../components/model/policies/policy-model";
import { grouped } from "../components/shared/grouped";
import type { KubernetesObject } from "../components/shared/kubernetes/object";
import type { Workload } from "../components/shared/workload";
import { policyObject } from "./api-objects";

type Spec = types.input.networking.v1.NetworkPolicySpec;

/** The name of each NetworkPolicy, and the one that earlier releases gave it. */
export const egressOnly = { name: "egress-only", formerName: "ways-out" } as const;

const egress: Readonly<Record<Exclude<DataPlane, "none">, Spec["egress"]>> = {
  // Every pod of the cluster, such as the egress gateway.
  sidecar: [{ to: [{ namespaceSelector: {} }] }],
  // ztunnel's tunnels to pods and waypoints, and the cluster's DNS.
  ambient: [
    { to: [{ namespaceSelector: {} }], ports: [{ port: 15008, protocol: "TCP" }] },
    {
      to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } }],
      ports: [
        { port: 53, protocol: "UDP" },
        { port: 53, protocol: "TCP" },
      ],
    },
  ],
};

/**
 * A NetworkPolicy for each namespace, so that its workloads cannot bypass the egress gateway or waypoint. The cluster's
 * CNI has to enforce NetworkPolicy.
 *
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export function networkPolicies(model: PolicyModel): KubernetesObject<Spec>[] {
  const { egress: rules, workloads } = model;
  if (!rules) return [];
  const restricted = workloads.flatMap((workload) => {
    const { dataPlane } = workload;
    return dataPlane === "none" || (dataPlane === "sidecar" && !rules.gateway) ? [] : [{ ...workload, dataPlane }];
  });
  // By labels, because waypoints and gateways in the namespace need to reach external hosts. A selector has one value
  // for each of several labels: workloads that have only `app` are in one, another has one of its own.
  const ofNamespace = ({ name, namespace, labels }: Workload) =>
    workloadKey({ namespace, name: onlyApp(labels) === undefined ? name : "" });
  return grouped(restricted, ofNamespace).map(([first, all]) => {
    const { namespace, labels, dataPlane } = first;
    const values = all.flatMap((one) => onlyApp(one.labels) ?? []);
    const podSelector =
      values.length > 0
        ? { matchExpressions: [{ key: "app", operator: "In", values: [...new Set(values)].sort() }] }
        : { matchLabels: { ...labels } };
    const place = { namespace, name: egressOnlyName(first) };
    const spec = { podSelector, policyTypes: ["Egress"], egress: egress[dataPlane] };
    return policyObject("networking.k8s.io/v1", "NetworkPolicy", { ...place, from: ["security", "egress"] }, spec);
  });
}

/** The one that selects the pods of a workload. */
export function egressOnlyName({ name, labels }: Pick<Workload, "name" | "labels">): string {
  return onlyApp(labels) === undefined ? policyName(name, egressOnly.name) : egressOnly.name;
}

function onlyApp({ app, ...others }: Readonly<Record<string, string>>): string | undefined {
  return Object.keys(others).length === 0 ? app : undefined;
}
