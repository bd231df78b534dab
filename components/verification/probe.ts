import type { Model } from "../model/model";
import type { VerificationSettings } from "../settings/sections/verification";
import type { SettingPath } from "../shared/problem";

/**
 * What verification measures. A probe proves one setting by series of requests; `probes/` derives probes from the model,
 * `run/` sends their requests, and `evaluation/` judges what came of them. All of it is plain data, so that a plan can be
 * printed before it runs and a result read after it.
 */

/** The kinds of policy that have probes, as reports name them. */
export const probeKinds = [
  "authorization",
  "tokens",
  "mtls",
  "egress",
  "gateways",
  "routes",
  "weights",
  "faults",
  "timeouts",
  "mirrors",
  "headers",
  "circuit-breakers",
  "rate-limits",
  "requests",
] as const;

export type ProbeKind = (typeof probeKinds)[number];

export interface Probe {
  /** Unique and stable, such as `weights reviews http[2]`; `--only` selects by it. */
  readonly name: string;
  readonly kind: ProbeKind;
  /** The setting that it proves. */
  readonly path: SettingPath;
  /** What must be seen, in one sentence: `15% to v1, 25% to v2, 60% to v3`. */
  readonly expectation: string;
  /**
   * Objects of the policy, as `Kind namespace/name`: switching one off must make this probe fail, and no other. A denial
   * by one of them is evidence for or against this probe only.
   * @default none of its own
   */
  readonly objects?: readonly string[];
  readonly series: readonly Series[];
  /** Where others would change what it measures, or it disturbs them. @default false */
  readonly alone?: boolean;
  /** What users notice of it: it is left out where `verification.disruptive` is off. @default nothing */
  readonly disturbs?: string;
  /** Why it cannot be measured: then it has no series. */
  readonly notMeasurable?: string;
}

/** What probes are derived from. */
export interface PlanContext {
  readonly model: Model;
  readonly settings: VerificationSettings;
}

/** Derives the probes of one kind of policy. A kind is one file of `probes/` and a line in its registry. */
export type ProbeSource = (context: PlanContext) => readonly Probe[];

/** Requests of one client that are all alike, and what must come of them. */
export interface Series {
  /** Unique in its probe: `productpage GET /reviews/0`. */
  readonly title: string;
  /** A control shows that the measurement can tell: what a client without the right gets, or a request that does not match. */
  readonly role: "effect" | "control";
  readonly client: ProbeClient;
  readonly request: ProbeRequest;
  readonly expect: Expectation;
  /**
   * Answers of other kinds that refute it nevertheless, because they show that its own policy has no effect: plain text that
   * reaches a rule was not refused by mTLS. @default none: such an answer is `control failed`
   */
  readonly refutedBy?: readonly Answer[];
  /** Title of a control without which it shows nothing: that a host outside the mesh answers at all. @default none */
  readonly needs?: string;
  /** Number of requests. @default from the expectation, by the wanted error rates */
  readonly count?: number;
  /** Requests at the same time. @default the run's own choice */
  readonly concurrency?: number;
}

export type ProbeClient =
  /** A pod with the service account and the labels of a workload, that gets none of its traffic. */
  | { readonly kind: "workload"; readonly namespace: string; readonly name: string }
  /** In the mesh, with an identity that no rule names. */
  | { readonly kind: "stranger"; readonly dataPlane: "sidecar" | "ambient" }
  /** A pod outside the mesh, without an identity. */
  | { readonly kind: "outside" };

export interface ProbeRequest {
  readonly to: ProbeTarget;
  /** `tcp` opens a connection, sends a line and waits for an answer or the end. @default "http" */
  readonly scheme?: "http" | "https" | "tcp";
  /** @default "GET" */
  readonly method?: string;
  /** With its query. @default "/" */
  readonly path?: string;
  /** Without those of the run itself; `host` replaces the one of the target. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: ProbeToken;
  /** Of the client, for `https`. @default none */
  readonly clientCertificate?: "self-signed";
  /** After which the client gives up. @default 10; of `tcp` openSeconds */
  readonly timeoutSeconds?: number;
}

/**
 * A TCP connection that is open for so long has a server: Envoy and ztunnel accept it first, and close it where they cannot
 * connect to the server within 10 seconds. A destination may have a longer `connectTimeout`.
 */
export const openSeconds = 12;

export type ProbeTarget =
  | { readonly kind: "service"; readonly namespace: string; readonly name: string; readonly port: number }
  /** From outside: by load balancer or NodePort where the gateway has one, else by its Service. */
  | {
      readonly kind: "gateway";
      readonly namespace: string;
      /** Name of its Service. */
      readonly service: string;
      readonly port: number;
      readonly host: string;
    }
  | { readonly kind: "external"; readonly host: string; readonly port: number; readonly address?: string }
  /** A pod of the workload by its address, past every Service. */
  | { readonly kind: "pod"; readonly namespace: string; readonly workload: string; readonly port: number }
  /**
   * A pod of ours in a namespace, meshed as the namespace is, that no selector of a policy matches, and that answers 200
   * (`nc`): it shows what applies to a whole namespace. By a Service of its own, which publishes pods that are not ready,
   * or by its address.
   */
  | {
      readonly kind: "witness";
      readonly namespace: string;
      readonly by: "service" | "address";
      /** Of the namespace, through which its Service is reached. */
      readonly waypoint?: string;
    };

/** A token to make; `wrong` says what is wrong with it. */
export interface ProbeToken {
  readonly issuer: string;
  readonly audiences?: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly wrong?: "malformed" | "expired" | "issuer" | "audience" | "signature";
  /** Where it is sent. @default the header Authorization, after `Bearer ` */
  readonly in?:
    { readonly header: string; readonly prefix?: string } | { readonly param: string } | { readonly cookie: string };
}

/** Who ended a request, and how, as far as the client and the records of proxies show. */
export const answers = [
  /** The application answered, whatever its status. */
  "application",
  /** RBAC: 403 by a proxy that reads HTTP, or a connection that ztunnel or a TCP filter closed. */
  "denied",
  /** 401: a token that is not valid. */
  "token refused",
  /** 404 of a proxy: no rule matches. */
  "no route",
  /** A rule's own answer: redirect or directResponse. */
  "rule",
  /** An injected abort. */
  "fault",
  /** 503: a circuit breaker's limit. */
  "overflow",
  /** 504 of a proxy. */
  "timeout",
  /** 429 of a proxy. */
  "rate limited",
  /** 502 of a proxy, or a closed connection: the host is not known and REGISTRY_ONLY. */
  "blocked",
  /** The connection was closed without an answer, by a server that requires mTLS or by an unknown one. */
  "reset",
  /** No server: connection refused, no healthy endpoint, no such name. */
  "unreachable",
  /** The client waited until its own limit. */
  "no answer",
] as const;

export type Answer = (typeof answers)[number];

/** A class of outcomes; what is not said may be anything. */
export interface Outcome {
  /** As reports name it: `403 by authorization`. */
  readonly title: string;
  readonly answers?: readonly Answer[];
  readonly status?: readonly number[];
  /**
   * The AuthorizationPolicy that denied it, as `namespace/name`; `none`: no rule allowed it. It is compared where a proxy
   * recorded it: `rbac_access_denied_matched_policy[ns[NAMESPACE]-policy[NAME]-rule[0]]`, or `[none]`.
   */
  readonly policy?: string;
  /** Version of the pod that answered. */
  readonly version?: string;
  /** Workload, as `namespace/name`, whose pod answered. */
  readonly workload?: string;
  /** Seconds until the answer. */
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Response headers by lower-case name: the value, `true` for any, `false` for none. */
  readonly headers?: Readonly<Record<string, string | boolean>>;
  /** Request headers, as the application's proxy records them, are not seen; a mirror is: the subset or workload that got a copy. */
  readonly mirroredTo?: string;
  /** Host outside the mesh: also where it does not answer, but a proxy has chosen its cluster for the request. */
  readonly sentTo?: string;
  /** Certificate that the client is shown, over TLS. */
  readonly certificate?: {
    /** It must be for this host, and valid. @default any host */
    readonly host?: string;
    /** Secrets of which one has it, as `namespace/name`. */
    readonly secrets: readonly string[];
    /** Certificates in them (PEM), as far as a run can read them. @default only host and dates are judged */
    readonly known?: readonly string[];
  };
  /** SPIFFE ID that the server's proxy proves. */
  readonly server?: string;
  /** Seconds for which the client's certificate is still valid, at most. */
  readonly certificateSeconds?: number;
}

export type Expectation =
  /** Every request. */
  | { readonly kind: "every"; readonly outcome: Outcome }
  /** A part of them, 0 to 1; the others have outcome `else`. Judged by exact binomial bounds. */
  | { readonly kind: "share"; readonly outcome: Outcome; readonly share: number; readonly else: Outcome }
  /** Each of them by one of these outcomes, in these shares, which add up to 1. Judged by chi-square. */
  | {
      readonly kind: "shares";
      readonly outcomes: readonly { readonly outcome: Outcome; readonly share: number }[];
    }
  /** Each of these at least `atLeast` times, and nothing else. */
  | { readonly kind: "some"; readonly outcomes: readonly { readonly outcome: Outcome; readonly atLeast: number }[] };
