import { verificationNamespace } from "../../model/data-planes";
import { type MeshWorkload, workloadKey } from "../../model/names";
import type { PolicyModel } from "../../model/policies/policy-model";
import type { Question } from "../../../policies/explain/explain";
import type { ProbeClient, ProbeTarget } from "../probe";
import { type Entry, gatewayEntries, titleOf } from "../requests/entries";

/** Who asks: how a probe sends from it, and how a question names it. */
export interface AccessClient {
  /** `productpage`, `stranger`, `outside`, `gateway ingress`. */
  readonly title: string;
  readonly client: ProbeClient;
  readonly question: Pick<Question, "from" | "client">;
  /** Of a workload: whose identity it has. */
  readonly workload?: MeshWorkload;
  /** The host of a gateway, through which a client outside asks. */
  readonly entry?: Entry;
}

/** Namespaces of clients that have an identity which no rule names, or none. */
export const strangerNamespaces = {
  sidecar: verificationNamespace,
  ambient: `${verificationNamespace}-ambient`,
  outside: `${verificationNamespace}-outside`,
} as const;

export const outside: AccessClient = {
  title: "outside",
  client: { kind: "outside" },
  question: { from: "outside" },
};

export function workloadClients({ workloads, names }: PolicyModel): AccessClient[] {
  return workloads
    .filter(({ dataPlane }) => dataPlane !== "none")
    .map((workload) => ({
      title: titleOf(workload, names.defaultNamespace),
      client: { kind: "workload", namespace: workload.namespace, name: workload.name },
      question: { from: workloadKey(workload) },
      workload,
    }));
}

/** One in each data plane that workloads are in. */
export function strangers({ workloads }: PolicyModel): AccessClient[] {
  const planes = (["sidecar", "ambient"] as const).filter((plane) =>
    workloads.some(({ dataPlane }) => dataPlane === plane),
  );
  return planes.map((dataPlane) => ({
    title: planes.length > 1 ? `stranger (${dataPlane})` : "stranger",
    client: { kind: "stranger", dataPlane },
    question: {
      from: "outside",
      client: { name: "stranger", namespace: strangerNamespaces[dataPlane], serviceAccount: "default", dataPlane },
    },
  }));
}

/** From outside, through each gateway that leads to the workload. */
export function gatewayClients(model: PolicyModel, workload: MeshWorkload): AccessClient[] {
  return gatewayEntries(model)
    .filter(({ rules, exposed }) => {
      const leads = rules.some(({ service }) => workloadKey(service) === workloadKey(workload));
      return leads && exposed?.needsCertificate === false;
    })
    .map((entry) => ({
      title: `gateway ${entry.exposed?.gateway.name} ${entry.exposed?.host}`,
      client: { kind: "outside" },
      question: { from: entry.exposed?.gateway.name ?? "" },
      entry,
    }));
}

/** Where a client sends what is for a port of a workload. */
export function targetFor({ entry }: AccessClient, workload: MeshWorkload, port: number): ProbeTarget {
  const { namespace, name } = workload;
  if (!entry?.exposed) return { kind: "service", namespace, name, port };
  const { gateway, host } = entry.exposed;
  return { kind: "gateway", namespace: gateway.namespace, service: gateway.service, port: entry.port, host };
}
