import { z } from "zod";
import { duration, port, some } from "../fields";

/** How a proxy treats the connections to a service: Istio's TrafficPolicy, in its own words. */

const share = z.int().min(0).max(100);

const connectionPool = z.strictObject({
  tcp: z
    .strictObject({
      maxConnections: z.int().min(1).optional(),
      connectTimeout: duration.optional(),
      idleTimeout: duration.optional(),
      maxConnectionDuration: duration.optional(),
    })
    .optional(),
  http: z
    .strictObject({
      http1MaxPendingRequests: z.int().min(0).optional(),
      http2MaxRequests: z.int().min(1).optional(),
      maxRequestsPerConnection: z.int().min(0).optional(),
      maxRetries: z.int().min(0).optional(),
      idleTimeout: duration.optional(),
      maxConcurrentStreams: z.int().min(1).optional(),
      h2UpgradePolicy: z.enum(["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]).optional(),
    })
    .optional(),
});

const outlierDetection = z.strictObject({
  consecutive5xxErrors: z.int().min(0).optional(),
  consecutiveGatewayErrors: z.int().min(0).optional(),
  splitExternalLocalOriginErrors: z.boolean().optional(),
  consecutiveLocalOriginFailures: z.int().min(0).optional(),
  interval: duration.optional(),
  baseEjectionTime: duration.optional(),
  maxEjectionPercent: share.optional(),
  minHealthPercent: share.optional(),
});

const consistentHash = z.strictObject({
  httpHeaderName: z.string().min(1).optional(),
  httpCookie: z
    .strictObject({ name: z.string().min(1), path: z.string().optional(), ttl: duration.optional() })
    .optional(),
  httpQueryParameterName: z.string().min(1).optional(),
  useSourceIp: z.literal(true).optional(),
  ringHash: z.strictObject({ minimumRingSize: z.int().min(1) }).optional(),
  maglev: z.strictObject({ tableSize: z.int().min(1).max(5_000_010) }).optional(),
});

const localityLbSetting = z.strictObject({
  enabled: z.boolean().optional(),
  distribute: some(z.strictObject({ from: z.string().min(1), to: z.record(z.string().min(1), share) })).describe(
    "from a locality (`region/zone/subzone`, `*`): shares in percent.",
  ),
  failover: some(z.strictObject({ from: z.string().min(1), to: z.string().min(1) })).describe(
    "Region to region, where all of the first is unhealthy.",
  ),
  failoverPriority: some(z.string().min(1)).describe("Labels, the most important first."),
});

const loadBalancer = z.strictObject({
  simple: z.enum(["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "PASSTHROUGH"]).optional(),
  consistentHash: consistentHash.optional(),
  localityLbSetting: localityLbSetting.optional(),
  warmup: z
    .strictObject({
      duration,
      minimumPercent: z.number().min(0).max(100).optional(),
      aggression: z.number().gt(0).optional(),
    })
    .optional(),
});

const settings = {
  connectionPool: connectionPool.optional(),
  outlierDetection: outlierDetection.optional(),
  loadBalancer: loadBalancer.optional(),
};

export const trafficPolicy = z.strictObject({
  ...settings,
  portLevelSettings: some(z.strictObject({ port: z.strictObject({ number: port }), ...settings })).describe(
    "Replaces the settings next to this list for a port.",
  ),
});

export type TrafficPolicySettings = z.output<typeof trafficPolicy>;
export type LoadBalancerSettings = z.output<typeof loadBalancer>;
