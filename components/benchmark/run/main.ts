import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { ApiServer } from "../../shared/kubernetes/api-server";
import { patience } from "./check";
import { KubernetesCluster } from "./cluster";
import { Lease } from "./lease";
import {
  type BenchmarkRequest,
  type BenchmarkResult,
  contextVariable,
  previousVariable,
  requestVariable,
} from "./request";
import { runBenchmark, type RunnerContext } from "./runner";
import { cleanUp, NotMeasurable } from "./set-up";
import { sparing } from "./sparing";
import { isUnreachable } from "../../shared/kubernetes/errors";

/** Exit code of a command that was ended by a signal, as shells give it. */
const interrupted = 130;

/**
 * The command line of `run.cjs`: `measure` or `remove`, with the request in the environment and the kubeconfig on
 * standard input. Standard output is the result, one line of JSON; what a person reads goes to standard error.
 *
 * @returns the exit code
 */
export async function main(
  verb: string | undefined,
  env: NodeJS.ProcessEnv,
  stdin: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<number> {
  const say = sparing((line) => process.stderr.write(`${line}\n`));
  try {
    const kubeconfig = await text(stdin);
    const server = await ApiServer.open({ kubeconfig, context: env[contextVariable] });
    const context: RunnerContext = {
      cluster: new KubernetesCluster(server),
      ...{ projectRoot: process.cwd(), say, signal, previous: previousOf(env[previousVariable]) },
      rest: (ms) => delay(ms, undefined, { signal }),
    };
    if (verb === "remove") {
      await remove(context);
      return 0;
    }
    if (verb !== "measure") throw new Error("usage: run.cjs measure|remove");
    const request = JSON.parse(env[requestVariable] ?? "") as BenchmarkRequest;
    process.stdout.write(`${JSON.stringify(await runBenchmark(request, context))}\n`);
    return 0;
  } catch (error) {
    if (signal.aborted) {
      say("Stopped. What is finished is kept; the same command goes on behind it.");
      return interrupted;
    }
    say(`benchmark: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

/** What is left of a benchmark; a cluster that has gone keeps nothing, and one that is measured is left to who measures. */
async function remove({ cluster, say, rest }: RunnerContext): Promise<void> {
  const lease = new Lease({ leases: cluster.leases, say, rest });
  try {
    await lease.hold(patience / 1000 + 60);
    await cleanUp(cluster, rest);
  } catch (error) {
    if (!(error instanceof NotMeasurable || isUnreachable(error))) throw error;
    say(`Warning: namespaces bench-* are not removed, as far as there are any: ${(error as Error).message}`);
  } finally {
    await lease.release();
  }
}

/** As much of a result as is read of it again. */
const printed = z.looseObject({
  identity: z.string(),
  known: z
    .looseObject({
      nodes: z.array(z.string()),
      bounds: z.record(
        z.string(),
        z.record(z.string(), z.looseObject({ upper: z.number().optional(), where: z.string().optional() })),
      ),
    })
    .optional(),
});

/** Undefined where there is none, or none of this release. */
export function previousOf(text: string | undefined): BenchmarkResult | undefined {
  try {
    return printed.parse(JSON.parse(text ?? "")) as unknown as BenchmarkResult;
  } catch {
    return undefined;
  }
}
