import type { TrafficPolicySettings } from "../settings/sections/traffic-policy";
import { isHttp, type PortProtocol } from "../shared/workload";

type ConnectionPool = NonNullable<TrafficPolicySettings["connectionPool"]>;

/** What keeps a circuit breaker from ever refusing a request, and the limit that it needs. */
export interface IdleBreaker {
  readonly reason: string;
  readonly instead: string;
}

/**
 * Why limits of a connection pool refuse nothing on a port of this protocol; undefined where they do, or where the pool
 * has no limit at all.
 *
 * HTTP/1.1: a request that finds no connection waits for one; there is a limit of waiting requests only if it is set. The
 * limit of requests counts those that have a connection, so with as many connections or fewer it is never reached.
 * HTTP/2: all requests share one connection. TCP: each connection has its own.
 * Source: envoyproxy/envoy, source/common/conn_pool/conn_pool_base.cc, and istio/istio,
 * pilot/pkg/networking/core/cluster_traffic_policy.go, applyConnectionPool: what is not set is unlimited.
 */
export function idleBreaker({ tcp, http }: ConnectionPool, protocol: PortProtocol): IdleBreaker | undefined {
  const { maxConnections } = tcp ?? {};
  const { http1MaxPendingRequests: pending, http2MaxRequests: requests, h2UpgradePolicy } = http ?? {};
  if (!isHttp({ protocol }) || pending !== undefined) return undefined;
  if (protocol !== "http" || h2UpgradePolicy === "UPGRADE") {
    if (maxConnections === undefined || requests !== undefined) return undefined;
    return { reason: "over HTTP/2 all requests share one connection", instead: "http2MaxRequests" };
  }
  if (maxConnections === undefined || (requests !== undefined && requests < maxConnections)) return undefined;
  const connections = maxConnections === 1 ? "the only connection" : `one of the ${maxConnections} connections`;
  return {
    reason: `over HTTP/1.1 requests wait for ${connections}, as many as there are`,
    instead: "http1MaxPendingRequests",
  };
}
