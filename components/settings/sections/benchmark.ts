import { z } from "zod";
import { scenarioNames } from "../../benchmark/metrics/record";
import { describeBudgets } from "../../benchmark/metrics/registry";
import { duration } from "../fields";

/** `talos-mesh:benchmark`: what the mesh costs. Defaults come from the preset, and then from `benchmark/plan/settings.ts`. */

const budget = z.strictObject({
  max: z.number().min(0),
  onExceed: z.enum(["fail", "warn"]).default("fail"),
});

const image = z.string().min(1);

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
    .describe("Default: none, and the data planes of the mesh (sidecar, ambient)."),
  control: z
    .boolean()
    .default(false)
    .describe("Measure a second, identical `none`, whose difference from `none` is noise."),
  blocks: z
    .int()
    .min(1)
    .max(100)
    .default(10)
    .describe("A block holds every scenario once, in a random order. Below 7 blocks there are no intervals."),
  qps: z
    .array(z.int().min(0))
    .min(1)
    .optional()
    .describe("Requests a second over all connections; 0 is saturation. Default: 100, 1000."),
  connections: z.array(z.int().min(1)).min(1).optional().describe("Default: 10."),
  payloadSizes: z
    .array(z.int().min(0).max(262_144))
    .min(1)
    .optional()
    .describe(
      "Bytes of a response, with gRPC of a request as well. fortio's server sends at most 256 KiB. Default: 1024.",
    ),
  duration: duration.optional().describe("Of one measurement with HTTP or gRPC. Default: 60s."),
  warmUp: duration.optional().describe("Load before a measurement, which does not count. Default: 15s."),
  keepAlive: z.array(z.boolean()).min(1).optional().describe("Default: true. false: one connection per request."),
  grpc: z.boolean().optional().describe("Measure gRPC as well as HTTP. Default: false."),
  sameNode: z.boolean().default(false).describe("Measure everything with client and server on one node as well."),
  tcpStreams: z.array(z.int().min(1)).optional().describe("Streams of iperf3, in both directions. Default: 1, 4, 8."),
  tcpDuration: duration.optional().describe("Of one measurement with iperf3. Default: 30s."),
  transactions: z
    .boolean()
    .optional()
    .describe("Request/response and connect rates of one connection, as netperf's TCP_RR and TCP_CRR. Default: true."),
  idle: duration
    .optional()
    .describe("Duration without load, whose CPU use is subtracted from that under load. Default: 30s."),
  images: z
    .strictObject({ fortio: image.optional(), iperf3: image.optional(), details: image.optional() })
    .default({})
    .describe("Images other than those of this release. Mirrors and digests of talos-mesh:images apply to them too."),
  seed: z.int().default(1),
  baseline: z.string().min(1).optional().describe("A report.json to compare with."),
  runId: z.string().optional().describe("Another value measures again."),
  budgets: z.record(z.string(), budget).default({}).describe(describeBudgets()),
});

export type BenchmarkSettings = z.output<typeof benchmark>;
