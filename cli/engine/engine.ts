import type { ToolProgress } from "../../embedded/tools/ensure-tools";
import type { StackChoice } from "../stack-option";

export type EngineName = "pulumi" | "embedded";

export type Change = "created" | "updated" | "replaced" | "unchanged" | "deleted";

/** A resource as messages name it. */
export interface Item {
  /** `cluster`, `platform`, `mesh`, ...: the middle part of its component's type token. */
  readonly layer: string;
  /** Kind and name: `Deployment bookinfo/reviews-v1`. */
  readonly label: string;
}

export interface RunObserver {
  started(item: Item): void;
  /** What the resource waits for, or the last line that its command wrote. */
  progressed(item: Item, text: string): void;
  finished(item: Item, change: Change): void;
  failed(item: Item, reason: string): void;
  /** A message that belongs to no single resource. */
  note(text: string): void;
}

export type StackOfProject = Pick<StackChoice, "projectRoot" | "stack">;

export interface EngineRun extends StackChoice {
  /** Whether environments other than dev are changed without confirmation. */
  readonly yes: boolean;
  readonly observer: RunObserver;
  /** Requests a clean stop. */
  readonly signal?: AbortSignal;
  readonly onTool?: (progress: ToolProgress) => void;
}

/** Outputs of the program, secrets as `[secret]`. */
export type Outputs = Readonly<Record<string, unknown>>;

/** An object or a release of a stack, compared with what is in the cluster. */
export interface Finding extends Item {
  readonly kind: "object" | "release";
  readonly state: "as deployed" | "missing" | "changed" | "not deployed" | "not compared";
  readonly detail?: string;
}

export interface StackStatus {
  /** Whether the cluster's API server answers; true where nothing was deployed into it yet. */
  readonly reachable: boolean;
  readonly findings: readonly Finding[];
  readonly outputs: Outputs;
}

/** Both engines run the same program. */
export interface Engine {
  readonly name: EngineName;
  /** For messages: `Pulumi CLI 3.259.0`. */
  readonly title: string;
  /** Whether it prints its progress itself; its observer then only counts. */
  readonly printsProgress: boolean;
  /** Brings the cluster to what the stack file describes. Running it again after a failure continues. */
  deploy(run: EngineRun): Promise<Outputs>;
  /** Destroys all that was deployed; false where there was nothing. Needs no valid stack file. */
  destroy(run: EngineRun): Promise<boolean>;
  /** Compares the cluster with the stack file; undefined where nothing was deployed. Changes nothing. */
  status(run: EngineRun): Promise<StackStatus | undefined>;
}
