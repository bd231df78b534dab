import { z } from "zod";
import { duration, percentage, quantity, resources, secretRef } from "./common";

/** `talos-mesh:observability`, `verification`, `benchmark`: what watches, proves and measures the mesh. */

const storage = z.strictObject({ size: quantity, storageClass: z.string().optional() });

const addon = z.strictObject({ storage: storage.optional(), resources: resources.optional() });

export const observability = z.strictObject({
  prometheus: addon.extend({ retention: duration.optional() }).optional(),
  grafana: addon.extend({ adminPassword: secretRef.optional(), anonymous: z.boolean().default(false) }).optional(),
  kiali: addon.extend({ signingKey: secretRef.optional(), anonymous: z.boolean().default(false) }).optional(),
  loki: addon.optional(),
  tracing: z
    .strictObject({
      provider: z.enum(["jaeger", "zipkin"]),
      sampling: percentage.default(1).describe("Share of requests traced, in percent."),
      storage: storage.optional(),
    })
    .optional(),
  alerts: z.boolean().optional(),
});

export const verification = z.strictObject({
  enabled: z.boolean().default(true),
  deadline: duration.default("60s").describe("How long a policy may take until it has its effect."),
});

const budget = z.strictObject({ max: z.number().min(0), onExceed: z.enum(["fail", "warn"]).default("fail") });

export const benchmark = z.strictObject({
  preset: z.enum(["article", "istio-tools"]).optional(),
  scenarios: z
    .array(z.enum(["none", "sidecar", "ambient", "waypoint"]))
    .min(1)
    .default(["none", "sidecar"]),
  blocks: z.int().min(1).max(100).default(10),
  qps: z.array(z.int().min(0)).min(1).default([100, 1000]).describe("Asked rates; 0 is saturation."),
  connections: z.array(z.int().min(1)).min(1).default([10]),
  payloadSizes: z.array(z.int().min(0)).min(1).default([1024]).describe("Bytes."),
  duration: duration.default("60s"),
  warmUp: duration.default("15s"),
  keepAlive: z.array(z.boolean()).min(1).default([true]),
  grpc: z.boolean().default(false).describe("Measure gRPC beside HTTP."),
  sameNode: z.boolean().default(false).describe("A further arm with client and server on one node."),
  tcpStreams: z.array(z.int().min(1)).default([1, 4, 8]),
  seed: z.int().default(1),
  baseline: z.string().optional().describe("A report.json to compare with."),
  runId: z.string().optional().describe("Another value runs it again."),
  budgets: z.record(z.string(), budget).default({}),
});

export type ObservabilitySettings = z.output<typeof observability>;
export type VerificationSettings = z.output<typeof verification>;
export type BenchmarkSettings = z.output<typeof benchmark>;
