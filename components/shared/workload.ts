/** A workload that policies can name: a Service, the pods behind it, and the identity they run under. */
export interface Workload {
  /** Name of the Service and value of the pods' `app` label. */
  readonly name: string;
  readonly namespace: string;
  /** Service account of its pods: the last part of their SPIFFE identity. */
  readonly serviceAccount: string;
  /** Port of the Service. */
  readonly port: number;
  /** Values of the pods' `version` label, oldest first. */
  readonly versions: readonly string[];
}

/** A gateway that policies can name, as its Helm release makes it. */
export interface GatewayWorkload {
  /** The name rules use: `ingress` or `egress`. */
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Labels of its pods, for the selector of an Istio `Gateway`. */
  readonly selector: Readonly<Record<string, string>>;
  /** Port numbers the Service offers, by the name of the port (`http2`, `https`). */
  readonly ports: Readonly<Record<string, number>>;
}
