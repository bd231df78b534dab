import type { Problem } from "../../shared/problem";

export type Environment = "dev" | "staging" | "production";

/** What the rest of the program needs to know of a cluster. A trait whose setting has a mistake throws when it is read. */
export interface ClusterTraits {
  readonly summary: string;
  /** Nodes run no containers: objects become ready, but no traffic flows. */
  readonly simulatedNodes: boolean;
  /** Created by this program: it has nothing but what Talos, Kubernetes or the settings install. */
  readonly created: boolean;
  readonly talos: boolean;
  /** `v1.13.9`, where it is known. */
  readonly talosVersion?: string;
  readonly kubernetesVersion?: string;
  readonly loadBalancers: boolean;
  /** What the CNI does with a NetworkPolicy. */
  readonly networkPolicies: "enforced" | "ignored" | "unknown";
  /** Undefined where it is not known. */
  readonly cni?: "cilium" | "flannel" | "other";
  /** Address at which NodePorts answer, where it is known. */
  readonly nodeAddress?: string;
  /** Where commands find the kubeconfig: in the project's folder, or in the outputs of the stack. */
  readonly kubeconfigSource: "project" | "stack";
  /** Context of the kubeconfig. @default the current one */
  readonly kubeContext?: string;
  /** `charts.source: auto` is allowed, which may choose stand-in charts. */
  readonly standInCharts: boolean;
}

export interface ClusterStack {
  readonly environment: Environment;
  /** Folder that relative paths start from: that of Pulumi.yaml. */
  readonly projectRoot: string;
  /** Values of secrets by name, where they are known: never part of a message. */
  readonly secretTexts: ReadonlyMap<string, string>;
  /** Whether the program deploys: then files outside of the project are read too. */
  readonly deploys: boolean;
}

export interface ClusterKind<Settings> {
  readonly environments: readonly Environment[];
  /** Each trait by a function that reads it from the settings. */
  traits(settings: Settings): { readonly [Trait in keyof ClusterTraits]: () => ClusterTraits[Trait] };
  /** Paths of settings that name an entry of talos-mesh:secrets. */
  readonly secretPaths?: readonly string[];
  problems?(settings: Settings, stack: ClusterStack): Iterable<Problem>;
  /** Paths of patches and documents of machine configs, for a cluster that this program creates with Talos. */
  readonly machineTexts?: readonly string[];
}

export function countNodes(controlPlanes: number, workers: number): string {
  const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
  return `${count(controlPlanes, "control plane")} and ${count(workers, "worker")}`;
}
