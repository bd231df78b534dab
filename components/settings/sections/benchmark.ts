import { z } from "zod";
import { scenarioNames } from "../../benchmark/metrics/record";
import { duration } from "../fields";

/** `talos-mesh:benchmark`: what the mesh costs. What is left out comes from the preset, and what that leaves open from the defaults. */

const budget = z.strictObject({
  max: z.number().min(0),
  onExceed: z.enum(["fail", "warn"]).default("fail"),
});

const image = z.string().min(1);

/** What a budget can be set for. */
export const budgetMetrics = ["p50", "p90", "p99", "p99.9", "cpu", "memory", "throughput"] as const;

export const benchmark = z.strictObject({
  preset: z
    .enum(["article", "istio-tools"])
    .optional()
    .describe(
      "article: 10 connections, 100 requests a second to details, iperf3 for 10 s. " +
        "istio-tools: 2 to 64 connections, 1,000 requests a second, 240 s.",
    ),
  scenarios: z
    .array(z.enum(scenarioNames))
    .min(1)
    .optional()
    .describe("Default: none, and what the mesh has: sidecar, ambient."),
  control: z
    .boolean()
    .default(false)
    .describe("Measure a second, identical `none`: what it differs by is noise, and the report shows it."),
  blocks: z
    .int()
    .min(1)
    .max(100)
    .default(10)
    .describe("Each holds every scenario once, in a random order. Below 7 there are no intervals."),
  qps: z.array(z.int().min(0)).min(1).optional().describe("Asked rates; 0 is saturation. Default: 100, 1000."),
  connections: z.array(z.int().min(1)).min(1).optional().describe("Default: 10."),
  payloadSizes: z
    .array(z.int().min(0).max(262_144))
    .min(1)
    .optional()
    .describe(
      "Bytes of an answer, of gRPC also of a request. fortio's server answers with 256 KiB at most. Default: 1024.",
    ),
  duration: duration.optional().describe("Of one measurement with HTTP or gRPC. Default: 60s."),
  warmUp: duration.optional().describe("Load before it that does not count. Default: 15s."),
  keepAlive: z.array(z.boolean()).min(1).optional().describe("Default: true. false: a connection a request."),
  grpc: z.boolean().optional().describe("Measure gRPC beside HTTP. Default: false."),
  sameNode: z.boolean().default(false).describe("A further arm with client and server on one node."),
  tcpStreams: z.array(z.int().min(1)).optional().describe("Streams of iperf3, both ways. Default: 1, 4, 8."),
  tcpDuration: duration.optional().describe("Of one measurement with iperf3. Default: 30s."),
  transactions: z
    .boolean()
    .optional()
    .describe("Request/response and connect rates of one connection, as netperf's TCP_RR and TCP_CRR. Default: true."),
  idle: duration.optional().describe("Time without load whose CPU is taken off. Default: 30s."),
  images: z
    .strictObject({ fortio: image.optional(), iperf3: image.optional(), details: image.optional() })
    .default({})
    .describe("Images where not those of this release; mirrors and digests of talos-mesh:images hold for them too."),
  seed: z.int().default(1),
  baseline: z.string().min(1).optional().describe("A report.json to compare with."),
  runId: z.string().optional().describe("Another value measures anew."),
  budgets: z
    .record(z.string(), budget)
    .default({})
    .describe(
      "Judged on the upper bound of the interval: what a scenario may add to none, `p50`, `p90`, `p99`, `p99.9` (ms); what it " +
        "may take, `cpu` (vCPU of all of the mesh per 1,000 requests a second), `memory` (MiB of one proxy, waypoint or " +
        "ztunnel, without istiod); what it may lose, `throughput` (% of the TCP rate). `sidecar.p99` is for one scenario.",
    ),
});

export type BenchmarkSettings = z.output<typeof benchmark>;
export type BudgetMetric = (typeof budgetMetrics)[number];
