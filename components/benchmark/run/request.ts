import { benchmarkScenarios } from "../../model/data-planes";
import type { Settings } from "../../settings/schema";
import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import type { ImagesSettings } from "../../settings/sections/images";
import { UserError } from "../../shared/problem";
import { pulledImages } from "../plan/settings";
import type { Bounds } from "../report/budgets";

/** Plain data, so that a preview shows it and an unchanged one runs nothing. */
export interface BenchmarkRequest {
  readonly stack: string;
  readonly settings: BenchmarkSettings;
  readonly mesh: { readonly version: string; readonly revision?: string };
  /** @default as Kubernetes does, without secrets */
  readonly pull?: PullRequest;
  /** The Grafana whose dashboards show when it was measured. @default none */
  readonly grafana?: { readonly namespace: string };
}

export interface PullRequest {
  readonly policy?: ImagesSettings["pullPolicy"];
  readonly secrets: readonly string[];
}

export function benchmarkRequest(
  stack: string,
  settings: Pick<Settings, "mesh" | "images" | "observability"> & { readonly benchmark: BenchmarkSettings },
): BenchmarkRequest {
  const { benchmark, mesh, images, observability } = settings;
  return {
    stack,
    settings: {
      ...benchmark,
      scenarios: [...benchmarkScenarios(benchmark, mesh)],
      images: pulledImages(benchmark, images),
    },
    mesh: { version: mesh.version, revision: mesh.revision },
    pull: { policy: images.pullPolicy, secrets: images.pullSecrets.map(({ name }) => name) },
    ...(observability?.grafana && { grafana: { namespace: observability.namespace } }),
  };
}

/** Environment variables: the request as JSON, and the context of the kubeconfig where it is not the current one. */
export const requestVariable = "TALOS_MESH_BENCHMARK";
export const contextVariable = "TALOS_MESH_BENCHMARK_CONTEXT";
/** The last result: pulumi-command sets it where an input has changed. */
export const previousVariable = "PULUMI_COMMAND_STDOUT";

/** What a benchmark prints: small, because the next run gets it in its environment. */
export interface BenchmarkResult {
  readonly identity: string;
  readonly state: "measured" | "nothing to measure";
  readonly sentences: readonly string[];
  readonly budgets: BenchmarkSettings["budgets"];
  /** Folder of the report, relative to the project. */
  readonly report?: string;
  /** What other budgets are judged on where the runs are not on this disk; absent where a scenario was not measured. */
  readonly known?: {
    readonly nodes: readonly string[];
    readonly bounds: Bounds;
  };
}

/** The cluster cannot be measured, for a reason that the user can fix. */
export class NotMeasurable extends UserError {
  override readonly name = "NotMeasurable";
}
