import * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "../cluster/cluster";
import type { Settings } from "../settings/schema";
import type { BenchmarkSettings } from "../settings/sections/benchmark";
import { parseJson } from "../shared/json";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { benchmarkRequest, type BenchmarkResult, contextVariable, requestVariable } from "./run/request";

export interface BenchmarkArgs extends Pick<Settings, "mesh" | "images" | "observability"> {
  readonly settings: BenchmarkSettings;
  readonly cluster: Pick<Cluster, "kubeconfig" | "kubeContext" | "simulatedNodes">;
  readonly stack: string;
}

/** `exec`, so that a signal to the command reaches the benchmark. */
const command = (verb: "measure" | "remove") => `exec node components/benchmark/run/run.cjs ${verb}`;

/**
 * Measures what the mesh costs, after everything else is deployed. Runs on creation and when its request changes: the plan,
 * the mesh's version, `runId`. Finished runs are kept, so that changed budgets are judged without measuring.
 */
export class Benchmark extends Layer {
  /** The summary and the path of the report; empty on simulated nodes, and before it has run. */
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
    this.result = run.stdout.apply((stdout) => {
      // Stdout of a rendering is not a result.
      const { sentences = [], report } = (parseJson(stdout) ?? {}) as Partial<BenchmarkResult>;
      return [...sentences, ...(report === undefined ? [] : [`Report: ${report}/report.html`])];
    });
    this.registerOutputs({ result: this.result });
  }
}
