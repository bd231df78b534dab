import * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "../cluster/cluster";
import type { Settings } from "../settings/schema";
import type { BenchmarkSettings } from "../settings/sections/benchmark";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { benchmarkRequest, type BenchmarkResult, contextVariable, requestVariable } from "./run/request";

export interface BenchmarkArgs extends Pick<Settings, "mesh" | "images" | "observability"> {
  readonly settings: BenchmarkSettings;
  readonly cluster: Pick<Cluster, "kubeconfig" | "kubeContext" | "simulatedNodes">;
  readonly stack: string;
}

/** `exec`, so that stopping the command stops the benchmark. */
const command = (verb: "measure" | "remove") => `exec node components/benchmark/run/run.cjs ${verb}`;

/**
 * Measures what the mesh costs, when everything else stands. It runs when it is made and when what it is told changes:
 * the plan, the mesh's version, `runId`. Finished runs are kept, so that other budgets are judged without measuring.
 */
export class Benchmark extends Layer {
  /** What a manager reads, then where the whole report is; empty on simulated nodes, and until it is measured. */
  readonly result: pulumi.Output<readonly string[]>;

  constructor(name: string, args: BenchmarkArgs, opts?: LayerOptions) {
    super("talos-mesh:benchmark:Benchmark", name, opts);
    const { settings, cluster, stack } = args;
    if (cluster.simulatedNodes) {
      this.result = pulumi.output([]);
      this.registerOutputs();
      return;
    }
    const request = benchmarkRequest(stack, { ...args, benchmark: settings });
    const run = lifecycleCommand(
      `${name}-run`,
      {
        apply: command("measure"),
        delete: command("remove"),
        previousOutput: true,
        environment: {
          [requestVariable]: JSON.stringify(request),
          ...(cluster.kubeContext !== undefined && { [contextVariable]: cluster.kubeContext }),
        },
        stdin: pulumi.secret(cluster.kubeconfig),
      },
      this.child,
    );
    this.result = run.stdout.apply(linesOf);
    this.registerOutputs({ result: this.result });
  }
}

/** What a benchmark printed; nothing where it is no result, as in a rendering. */
function linesOf(stdout: string): readonly string[] {
  try {
    const { sentences = [], report } = JSON.parse(stdout) as Partial<BenchmarkResult>;
    return [...sentences, ...(report === undefined ? [] : [`Report: ${report}/report.html`])];
  } catch {
    return [];
  }
}
