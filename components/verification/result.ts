import type { Answer, Probe, Series } from "./probe";

/** What came of probes: observations of requests, verdicts, and the result of a run. Plain data, which reports are made of. */

/** What one request came to. */
export interface Observation {
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  /** Exit code of curl: 0, 7 refused, 28 too late, 35 TLS, 52 closed without an answer, 56 reset. */
  readonly exitCode: number;
  /** Curl's message, where it failed. */
  readonly error?: string;
  /** Whether a TCP connection was made: a proxy next to the client accepts each one, also for a server that is dead. */
  readonly connected: boolean;
  readonly seconds: number;
  /** Response headers, by lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** First bytes of the body, for a person. */
  readonly body?: string;
  /** The server's certificate, where the client had a TLS connection. */
  readonly certificate?: {
    readonly pem: string;
    /** When it was seen, in seconds since 1970. */
    readonly at: number;
  };
  /** What proxies recorded of it: the client's first, copies of a mirror last. */
  readonly records: readonly ProxyRecord[];
}

/** A line of the access log that this project's own provider writes (`probeLog` in components/model/mesh-config.ts). */
export interface ProxyRecord {
  readonly proxy: {
    readonly kind: "sidecar" | "gateway" | "waypoint";
    readonly namespace: string;
    readonly pod: string;
    /** Of a sidecar: whether it is the client's or the server's. */
    readonly side: "outbound" | "inbound";
  };
  readonly status: number;
  /** Envoy's %RESPONSE_FLAGS%: `FI`, `UO`, `NR`, `URX`, `UAEX`; empty for `-`. */
  readonly flags: readonly string[];
  /** %RESPONSE_CODE_DETAILS%: `via_upstream`, `rbac_access_denied_matched_policy[...]`. */
  readonly details: string;
  /** Why the connection was closed, or that to the server failed, where one was. */
  readonly connection: string;
  readonly authority: string;
  readonly method: string;
  readonly path: string;
  readonly upstreamCluster: string;
  /** Address and port; empty where it was sent nowhere. */
  readonly upstreamHost: string;
  /** Requests that it sent there: more than one with retries; 0 where it sent none. */
  readonly attempts: number;
  /** The pod at that address: `workload` is `namespace/name`, `version` its label. */
  readonly upstream?: {
    readonly namespace: string;
    readonly pod: string;
    readonly workload?: string;
    readonly version?: string;
  };
  readonly route: string;
  /** When the request came, in seconds since 1970. */
  readonly start: number;
  /** SPIFFE ID of the client, by its certificate; empty for plain text. */
  readonly client: string;
  /** Seconds since 1970 at which the client's certificate ends; NaN for plain text. */
  readonly clientCertificateEnd: number;
  /** SPIFFE ID that the proxy itself proves to its client; empty for plain text. */
  readonly server: string;
  readonly seconds: number;
  /** Whether it is the copy of a mirror. */
  readonly isMirrored: boolean;
}

export const verdicts = ["holds", "fails", "control failed", "not measurable"] as const;

/**
 * `control failed`: the measurement cannot tell, because a control or another policy got in the way: a deployment is not
 * verified by it. `not measurable`: the plan knows why it cannot be measured, and that is reported and no failure.
 */
export type Verdict = (typeof verdicts)[number];

export interface SeriesResult {
  readonly title: string;
  readonly role: Series["role"];
  /** As reports name them: `shop/front`, `stranger`, `outside`; `shop/reviews:9080`, `gateway ingress shop.example:443`. */
  readonly from: string;
  readonly to: string;
  /** What was sent, on one line: `GET /reviews/0 end-user: quentin`. */
  readonly request: string;
  /** What must be seen: the titles of the expected outcomes, and their answers. */
  readonly expected: string;
  readonly expectedAnswers: readonly Answer[];
  readonly verdict: Verdict;
  /** Number of requests that were judged. */
  readonly count: number;
  /** As reports print it: `3 of 3: 403 by authorization`. */
  readonly measured: string;
  /** Of a share, with its confidence interval at the level of the plan. */
  readonly shares?: readonly {
    readonly title: string;
    readonly expected: number;
    readonly measured: number;
    readonly low: number;
    readonly high: number;
  }[];
  /** By what it was judged: the records of which proxies, or the client's result only. */
  readonly evidence: string;
  /** Of a series that does not hold: what was sent and seen, and the likely reason. */
  readonly failure?: {
    readonly request: string;
    readonly observation: Observation;
    readonly reason: string;
  };
}

export interface ProbeResult extends Pick<Probe, "name" | "kind" | "path" | "expectation"> {
  readonly verdict: Verdict;
  /** Why, unless it holds. */
  readonly reason?: string;
  readonly series: readonly SeriesResult[];
  /** From the first request to the verdict. */
  readonly seconds: number;
  /** Objects of the policy, as `Kind namespace/name`. */
  readonly objects: readonly string[];
}

/** What a run found, and the content of `verification.json`. */
export interface VerificationResult {
  /** Raised when a reader of an older version could misread it. */
  readonly schemaVersion: 1;
  readonly stack: string;
  /** Of the run: part of every probe header. */
  readonly run: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly mesh: { readonly version: string; readonly dataPlane: string };
  /** Of the whole suite: `fails` where a probe fails or a control failed. */
  readonly verdict: "holds" | "fails" | "not measurable";
  readonly statistics: SuiteStatistics;
  /** Requests that were sent, repetitions included. */
  readonly requests: number;
  readonly probes: readonly ProbeResult[];
  /** Of a run of some probes: how many there are. @default all ran */
  readonly partOf?: number;
  /** The state of the mesh besides its policies; it fails no run. */
  readonly health: readonly HealthFinding[];
  /** What limits the evidence of this run, and what it leaves in the cluster. */
  readonly notes: readonly string[];
  /** Where the time went, in order. */
  readonly phases: readonly { readonly name: string; readonly seconds: number }[];
}

export interface SuiteStatistics {
  /** Probability of any false alarm, of the whole suite. */
  readonly falseAlarm: number;
  /** Series that are judged by shares. */
  readonly tests: number;
  /** Significance level of one of them, in one attempt. */
  readonly alpha: number;
  /** Probability that a share that is wrong by `deviation` percentage points is found. */
  readonly power: number;
  readonly deviation: number;
}

export interface HealthFinding {
  readonly level: "ok" | "warning" | "error" | "not known";
  /** `proxies in sync`, `versions`, `certificates`, `outside the mesh`, `plain text`, `analysis`. */
  readonly subject: string;
  readonly message: string;
  /** What to do, for a warning or an error. */
  readonly next?: string;
}
