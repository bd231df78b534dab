import type { RunObserver } from "../report/observer";
import type { Finding } from "../../embedded/engine/inspect";
import type { ToolProgress } from "../../embedded/tools/ensure-tools";

export type EngineName = "pulumi" | "embedded";

/** One stack of one project, and who is told of what happens to it. */
export interface EngineRun {
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  readonly stack: string;
  /** Absolute path of the stack file. */
  readonly configFile: string;
  readonly observer: RunObserver;
  /** Asks for a clean stop. */
  readonly signal?: AbortSignal;
  readonly onTool?: (progress: ToolProgress) => void;
}

/** What is there of a deployed stack. */
export interface StackStatus {
  /** Whether the cluster's API server answers; true where nothing is in one yet. */
  readonly reachable: boolean;
  readonly findings: readonly Finding[];
  /** URNs of everything that was made to its end. */
  readonly made: ReadonlySet<string>;
  /** Outputs of the last run; secrets as `[secret]`. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Deploys stacks. Both engines run the same program. */
export interface Engine {
  readonly name: EngineName;
  /** As people are told: `Pulumi CLI 3.259.0`. */
  readonly title: string;
  /**
   * Brings the stack to what its program asks for.
   *
   * @returns the outputs; secrets as `[secret]`.
   */
  up(run: EngineRun): Promise<Readonly<Record<string, unknown>>>;
  /** Tells the observer what `up`, or `destroy`, would do. None where the engine has no such thing. */
  preview?(run: EngineRun, verb: "deploy" | "destroy"): Promise<void>;
  /** Takes the stack down; false when there was nothing. */
  destroy(run: EngineRun): Promise<boolean>;
  /** What is there; undefined when nothing was deployed. Changes nothing. */
  status(run: EngineRun): Promise<StackStatus | undefined>;
}
