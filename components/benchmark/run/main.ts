import { z } from "zod";
import { parseJson } from "../../shared/json";
import { type ProgramContext, runProgram } from "../../shared/step/program";
import { KubernetesCluster } from "./cluster";
import { Lease } from "../../shared/kubernetes/lease";
import {
  type BenchmarkRequest,
  type BenchmarkResult,
  contextVariable,
  previousVariable,
  requestVariable,
} from "./request";
import { runBenchmark } from "./runner";
import { podTimeout } from "./scenario-check";
import { cleanUp } from "./set-up";

/** The command line of `run.cjs`: `measure` or `remove`. @returns the exit code */
export function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const previous = previousOf(process.env[previousVariable]);
  const measure = (context: ProgramContext, request: unknown) => {
    const cluster = new KubernetesCluster(context.server);
    return runBenchmark(request as BenchmarkRequest, { ...context, cluster, projectRoot: process.cwd(), previous });
  };
  const stopped = "Stopped. Finished runs are kept; the same command continues after them.";
  const verbs = { measure, remove };
  const leaves = { cleanUp: { remove: "namespaces bench-*" } };
  const program = {
    name: "benchmark",
    requestVariable,
    contextVariable,
    wrapLog: limitProgress,
    verbs,
    stopped,
    ...leaves,
  };
  return runProgram(program, argv, signal);
}

/** Does not wait for a cluster that is gone, or for a benchmark that is running. */
async function remove({ server, log, sleep }: ProgramContext): Promise<undefined> {
  const cluster = new KubernetesCluster(server);
  const lease = new Lease({ leases: server, log, sleep }, "benchmark");
  try {
    await lease.hold(podTimeout / 1000 + 60);
    await cleanUp(cluster, sleep);
  } finally {
    await lease.release();
  }
}

const bound = z.looseObject({ upper: z.number().optional(), where: z.string().optional() });
const bounds = z.record(z.string(), z.record(z.string(), bound));
const known = z.looseObject({ nodes: z.array(z.string()), bounds });
const readable = z.looseObject({ identity: z.string(), known: known.optional() });

/** The result that an earlier run printed; undefined where there is none of this release. */
export function previousOf(text: string | undefined): BenchmarkResult | undefined {
  return readable.safeParse(parseJson(text ?? "")).data as BenchmarkResult | undefined;
}

/**
 * Bytes of progress. Pulumi passes a Command its last output in one environment variable for each stream, and Linux starts no
 * program with a variable above 128 KiB: neither the Command nor its `delete` could ever run again.
 */
const progressBytes = 64 * 1024;
/** Lines of progress, if each is as long as possible. */
const progressLines = 250;

/** Logs every line, except that of lines of progress (`[7/1200] ...`) only as many, evenly spread, as there is room for. */
export function limitProgress(log: (line: string) => void): (line: string) => void {
  let bytes = 0;
  return (line) => {
    const [, index, total] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
    if (index !== undefined && total !== undefined) {
      const every = Math.ceil(Number(total) / progressLines);
      if (Number(index) % every !== 0 && index !== total) return;
      bytes += Buffer.byteLength(line) + 1;
      if (bytes > progressBytes) return;
    }
    log(line);
  };
}
