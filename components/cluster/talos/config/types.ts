import type { TalosClusterSettings } from "../../../settings/sections/cluster";

/** One node of the settings. */
export type TalosNodeSettings = TalosClusterSettings["nodes"][number];

/** Talos' own word, as `talosctl gen config -t` takes it. */
export type MachineType = "controlplane" | "worker";

/**
 * One patch for `talosctl gen config`. A strategic merge (one YAML document) or, up to contract v1.11, a list of
 * RFC 6902 operations.
 */
export interface MachinePatch {
  /** What it stands for, for error messages: `settings`, or the setting's path such as `talos-mesh:cluster.patches[0]`. */
  readonly origin: string;
  /** YAML; never empty, always ends with a newline, so that talosctl never takes it for a file name. */
  readonly content: string;
}

/**
 * Everything `talosctl` needs to make one node's machine config. Plain and deterministic: the same settings give the
 * same plan. It may hold what people wrote into patches, so treat the contents as secret.
 *
 * The machine config is the stdout of
 *
 *     talosctl <genConfigArgs> --with-secrets /dev/stdin  <patchFlag> @patch-0.yaml  <patchFlag> @patch-1.yaml ...
 *
 * Patches go in this order. They go by the flag of the node's role alone, never by `--config-patch`: gen config makes
 * the other role's config too and fails where a patch deletes what only one of them has.
 */
export interface NodePlan {
  readonly hostname: string;
  /** Address talosctl reaches the node at. */
  readonly address: string;
  readonly machineType: MachineType;
  /** `v1.12`: the frozen machine-config contract. */
  readonly contract: string;
  /** From `gen` to `-o -`; without secrets and patches. */
  readonly genConfigArgs: readonly string[];
  readonly patchFlag: "--config-patch-control-plane" | "--config-patch-worker";
  readonly patches: readonly MachinePatch[];
  /** The image that installs and upgrades the node; also part of `genConfigArgs`. */
  readonly installerImage: string;
  /** The factory's schematic, where the installer comes from there: a guard for upgrades. */
  readonly schematicId?: string;
  /** `talosctl validate -m`. */
  readonly validateMode: "metal" | "cloud" | "container";
  /** What does not do what it seems to, a sentence each. */
  readonly warnings: readonly string[];
}

/** A schematic that the Image Factory must know before an installer can be pulled. */
export interface SchematicUpload {
  readonly id: string;
  /** `https://factory.talos.dev/schematics`; POST, answers 201, idempotent. */
  readonly url: string;
  /** The YAML to post: the bytes whose sha256 is the ID. */
  readonly body: string;
}

export interface ClusterPlan {
  /** In the order of the settings. */
  readonly nodes: readonly NodePlan[];
  /** Each once, in the order of the nodes. */
  readonly schematics: readonly SchematicUpload[];
  /** Warnings of all nodes, each once, with the nodes it concerns where not all. */
  readonly warnings: readonly string[];
}

/** Text of a file that a patch or manifest names by '@'; relative to the project. Throws where it cannot be read. */
export type ReadFile = (path: string) => string;
