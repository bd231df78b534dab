import { z } from "zod";
import { exactlyOneOf, headerName, hostName, port, secretRef, some } from "../fields";
import { count, duration, durationOrZero, uint32 } from "../quantities";

/** How a proxy treats the connections to a service: Istio's TrafficPolicy, in its own words. */

const share = count(0, 100);

const connectionPool = z.strictObject({
  tcp: z
    .strictObject({
      maxConnections: count(1).optional(),
      connectTimeout: duration.optional(),
      idleTimeout: durationOrZero.optional().describe("0s: none."),
      maxConnectionDuration: duration.optional(),
      tcpKeepalive: z
        .strictObject({ probes: count(1).optional(), time: duration.optional(), interval: duration.optional() })
        .optional(),
    })
    .optional(),
  http: z
    .strictObject({
      http1MaxPendingRequests: count(1).optional().describe("Istio takes 0 for no limit."),
      http2MaxRequests: count(1).optional(),
      maxRequestsPerConnection: count().optional(),
      maxRetries: count(1).optional().describe("At a time. Istio takes 0 for no limit; see `retries` for none."),
      idleTimeout: duration.optional(),
      maxConcurrentStreams: count(1).optional(),
      useClientProtocol: z.boolean().optional(),
      http2KeepAlive: z.strictObject({ interval: duration.optional(), timeout: duration.optional() }).optional(),
      h2UpgradePolicy: z.enum(["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]).optional(),
    })
    .optional(),
});

const outlierDetection = z.strictObject({
  consecutive5xxErrors: count(0, uint32).optional(),
  consecutiveGatewayErrors: count(0, uint32).optional(),
  splitExternalLocalOriginErrors: z.boolean().optional(),
  consecutiveLocalOriginFailures: count(1, uint32).optional(),
  interval: duration.optional(),
  baseEjectionTime: duration.optional(),
  maxEjectionPercent: count(1, 100).optional(),
  minHealthPercent: share.optional(),
  outlierDetectionHttpErrorCodes: some(count(100, 599)).describe(
    "Statuses that count as errors. Istio's default: 5xx.",
  ),
});

const consistentHash = exactlyOneOf(
  {
    httpHeaderName: headerName.optional(),
    httpCookie: z
      .strictObject({
        name: headerName,
        path: z.string().optional(),
        ttl: durationOrZero.optional(),
        attributes: some(z.strictObject({ name: z.string().min(1), value: z.string().optional() })).describe(
          "Such as SameSite: Strict.",
        ),
      })
      .optional(),
    httpQueryParameterName: z.string().min(1).optional(),
    useSourceIp: z.literal(true).optional(),
    ringHash: z.strictObject({ minimumRingSize: count(1, 8_388_608) }).optional(),
    maglev: z.strictObject({ tableSize: count(1, 5_000_010) }).optional(),
  },
  ["httpHeaderName", "httpCookie", "httpQueryParameterName", "useSourceIp"],
);

/** Source: istio/istio, pkg/config/validation/agent, ValidateLocalityLbSetting. */
const locality = z
  .string()
  .regex(/^(\*|[^/*]+(\/(\*|[^/*]+(\/(\*|[^/*]+))?))?)$/, "expected region/zone/subzone, or the first of them and *");
const region = z.string().regex(/^[^/*]+$/, "expected a region, without zone and *");
const failoverLabel = z.string().regex(/^[A-Za-z0-9][-A-Za-z0-9_./]*(=[^=]*)?$/, "expected a label, or label=value");

const localityLbSetting = z.strictObject({
  enabled: z.boolean().optional(),
  distribute: some(z.strictObject({ from: locality, to: z.record(locality, count(1, 100)) })).describe(
    "from a locality (`region/zone/subzone`, `*`): shares in percent.",
  ),
  failover: some(z.strictObject({ from: region, to: region })).describe(
    "Region to region, where all of the first is unhealthy.",
  ),
  failoverPriority: some(failoverLabel).describe("Labels, the most important first."),
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

const file = z.string().startsWith("/", "expected the path of a file in the proxy, such as /etc/certs/ca.pem");

/** https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings */
const clientTls = z.strictObject({
  mode: z.enum(["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]),
  sni: hostName.optional(),
  subjectAltNames: some(z.string().min(1)),
  credentialName: z
    .string()
    .regex(/^(configmap:\/\/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, "expected the name of a Secret")
    .optional()
    .describe(
      "A Secret in the namespace of the egress gateway or the waypoint: ca.crt, in mode MUTUAL also tls.crt and tls.key.",
    ),
  clientCertificate: file.optional(),
  privateKey: file.optional(),
  caCertificates: file.optional().describe("Default: the root certificates of the proxy's image."),
  insecureSkipVerify: z.boolean().optional(),
});

export const certificateFields = ["clientCertificate", "privateKey", "caCertificates"] as const;

const certificate = z
  .union([file, secretRef], {
    error: "expected the path of a file in the proxy, such as /etc/certs/ca.pem, or {secret: NAME}",
  })
  .optional();

/** Of a service outside the mesh. */
const externalTls = clientTls.extend({
  clientCertificate: certificate.describe(
    "A file in the proxy; or { secret: NAME }, of which this program makes the Secret that credentialName would name.",
  ),
  privateKey: certificate,
  caCertificates: certificate.describe(
    "A file, or a secret, which is needed next to other secrets. Default: the root certificates of the proxy's image.",
  ),
});

/** Not for a port of its own. */
const ofService = {
  proxyProtocol: z
    .strictObject({ version: z.enum(["V1", "V2"]) })
    .optional()
    .describe("Send the client's address in the PROXY protocol, which the service must expect."),
  retryBudget: z
    .strictObject({ percent: z.number().min(0).max(100).optional(), minRetryConcurrency: count(1, uint32).optional() })
    .optional()
    .describe("Retries at a time, as a share of the requests."),
};

function policyWith<Tls extends z.ZodType>(tls: Tls) {
  const settings = {
    connectionPool: connectionPool.optional(),
    outlierDetection: outlierDetection.optional(),
    loadBalancer: loadBalancer.optional(),
    tls: tls.optional().describe("How clients speak to it. Default: mTLS with workloads of the mesh."),
  };
  return z.strictObject({
    ...settings,
    ...ofService,
    portLevelSettings: some(z.strictObject({ port: z.strictObject({ number: port }), ...settings })).describe(
      "Replaces the settings next to this list for a port.",
    ),
  });
}

export const trafficPolicy = policyWith(clientTls);
export const externalTrafficPolicy = policyWith(externalTls);

export type TrafficPolicySettings = z.output<typeof trafficPolicy>;
export type ExternalTrafficPolicySettings = z.output<typeof externalTrafficPolicy>;
export type ClientTlsSettings = z.output<typeof clientTls>;
export type ExternalTlsSettings = z.output<typeof externalTls>;
export type LoadBalancerSettings = z.output<typeof loadBalancer>;

/** The credentialName of a Secret; a ConfigMap has certificates of authorities only. */
export function isFromSecret(credentialName: string | undefined): credentialName is string {
  return credentialName !== undefined && !credentialName.startsWith("configmap://");
}
