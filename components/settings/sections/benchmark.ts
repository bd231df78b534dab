import { z } from "zod";
import { scenarioNames } from "../../benchmark/metrics/record";
import { describeBudgets } from "../../benchmark/metrics/registry";
import { filePath, flag, image, off, some } from "../fields";
import { count, duration, durationOrZero } from "../quantities";

/** `talos-mesh:benchmark`: what the mesh costs. Defaults come from the preset, and then from `benchmark/plan/settings.ts`. */

const budget = z.strictObject({
  max: z.number().min(0),
  onExceed: z.enum(["fail", "warn"]).default("fail"),
});

export const benchmark = z.strictObject({
  preset: z
    .enum(["article", "istio-tools"])
    .optional()
    .describe(
      "article: 10 connections, 100 requests a second to details, iperf3 for 10 s. " +
        "istio-tools: 2 to 64 connections, 1,000 requests a second, 240 s.",
    ),
  scenarios: some(z.enum(scenarioNames)).describe("Default: none, and the data planes of the mesh (sidecar, ambient)."),
  control: off("Measure a second, identical `none`: its difference from `none` is noise."),
  blocks: count(1, 100)
    .default(10)
    .describe("A block is every scenario once, in random order. With fewer than 7 there are no intervals."),
  qps: some(count()).describe("Requests a second over all connections; 0: saturation. Default: 100, 1000."),
  connections: some(count(1)).describe("Default: 10."),
  payloadSizes: some(count(0, 262_144)).describe(
    "Bytes of a response, with gRPC also of a request; fortio's server sends at most 256 KiB. Default: 1024.",
  ),
  duration: duration.optional().describe("Of one measurement with HTTP or gRPC. Default: 60s."),
  warmUp: durationOrZero.optional().describe("Load before a measurement, which does not count. Default: 15s."),
  keepAlive: some(z.boolean()).describe("Default: true. false: one connection per request."),
  grpc: flag("Measure gRPC as well as HTTP. Default: false."),
  sameNode: off("Measure with client and server on one node as well."),
  tcpStreams: z.array(count(1)).optional().describe("Streams of iperf3, in both directions. Default: 1, 4, 8."),
  tcpDuration: duration.optional().describe("Of one measurement with iperf3. Default: 30s."),
  transactions: flag("Rates of requests and connections, as netperf's TCP_RR and TCP_CRR. Default: true."),
  idle: durationOrZero.optional().describe("Duration without load; its CPU use is subtracted. Default: 30s."),
  images: z
    .strictObject({ fortio: image.optional(), iperf3: image.optional(), details: image.optional() })
    .default({})
    .describe("Mirrors and digests of talos-mesh:images apply to them too. Default: those of this release."),
  seed: z.int().default(1),
  baseline: filePath.optional().describe("A report.json to compare with."),
  runId: z.string().optional().describe("Another value measures again."),
  budgets: z.record(z.string(), budget).default({}).describe(describeBudgets()),
});

export type BenchmarkSettings = z.output<typeof benchmark>;
