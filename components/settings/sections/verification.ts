import { z } from "zod";
import {
  changedHeader,
  flag,
  form,
  headerValue,
  hostName,
  httpMethods,
  image,
  port,
  secretRef,
  some,
  targetReference,
} from "../fields";
import { count, duration } from "../quantities";

/** `talos-mesh:verification`: probes that prove each policy with traffic, after every deployment. */

/** A request of one's own, and what must come of it. */
const ownRequest = z.strictObject({
  name: form("[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}", "expected letters, digits, spaces, '.', '_' and '-'").describe(
    "As reports name it.",
  ),
  from: targetReference
    .default("outside")
    .describe(
      "A workload, whose identity the client has; `stranger`: in the mesh, with another; `outside`: without one.",
    ),
  to: targetReference.describe("A workload, or a gateway."),
  host: hostName.optional().describe("At a gateway: the host. Default: the first that it serves."),
  port: port.optional().describe("Default: the one for HTTP."),
  method: z.enum(httpMethods).default("GET"),
  path: form("/[\\x21\\x22\\x24-\\x7e]*", "expected a path that begins with '/', such as /details/0?full=1").default(
    "/",
  ),
  headers: z.record(changedHeader, headerValue).default({}),
  status: some(count(100, 599)).describe("Default: any that is not a proxy's."),
  version: z.string().min(1).optional().describe("Of the pod that answers."),
});

export const verification = z.strictObject({
  enabled: z.boolean().default(true),
  onFailure: z
    .enum(["fail", "warn"])
    .default("fail")
    .describe("Whether a policy that does not hold fails the deployment."),
  deadline: duration.default("90s").describe("How long a policy may take until it has its effect."),
  clients: z
    .enum(["auto", "pods", "ephemeral"])
    .default("auto")
    .describe(
      "pods: clients are pods with the workload's service account and labels, never ready. ephemeral: containers in the workload's own pods, " +
        "which stay in them until they restart. auto: pods, where no StatefulSet, DaemonSet or HorizontalPodAutoscaler would take them for its own.",
    ),
  disruptive: flag(
    "Probes that users notice: injected faults, circuit breakers, rate limits. Default: true, except in production.",
  ),
  deviation: count(1, 50)
    .default(10)
    .describe("Percentage points by which a share may be wrong and still be found, in 99% of all runs."),
  requestsPerSecond: count(1, 10_000).default(300),
  maxRequests: count(1, 1_000_000)
    .default(50_000)
    .describe("Of one run, repetitions included; a plan with more is refused."),
  image: image.optional().describe("Of clients: curl and a shell. Default: that of this release."),
  tokens: z
    .array(
      z.strictObject({
        issuer: z.string().min(1).describe("As in talos-mesh:security.jwt."),
        signingKey: secretRef.describe("A private key (PEM) whose public key is in the issuer's jwks."),
      }),
    )
    .default([])
    .describe("Without the key of an issuer, only the refusal of tokens is measured."),
  requests: z.array(ownRequest).default([]),
});

export type VerificationSettings = z.output<typeof verification>;
