import type { BenchmarkSettings } from "../../settings/sections/benchmark";

/** What a benchmark is told: plain data, so that a plan shows it and an unchanged one runs nothing. */
export interface BenchmarkRequest {
  readonly stack: string;
  readonly settings: BenchmarkSettings;
  readonly mesh: { readonly version: string; readonly revision?: string };
}

/** The variable that holds it as JSON. */
export const requestVariable = "TALOS_MESH_BENCHMARK";
/** The variable with the context of the kubeconfig, where it is not the current one. */
export const contextVariable = "TALOS_MESH_BENCHMARK_CONTEXT";

/** What a benchmark prints: small, as the next run gets it back. */
export interface BenchmarkResult {
  readonly identity: string;
  readonly state: "measured" | "nothing to measure";
  readonly sentences: readonly string[];
  /** Budgets that were judged, so that another judgement can be told. */
  readonly budgets: BenchmarkSettings["budgets"];
  /** Folder of the report, relative to the project. */
  readonly report?: string;
}
