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
  /** Whether there is a Service `<name>-<version>` for each version. @default false */
  readonly versionServices?: boolean;
}

/** A gateway that policies can name, as its Helm release or istiod makes it. */
export interface GatewayWorkload {
  /** The name rules use: `ingress` or `egress`. */
  readonly name: string;
  /** Whether Istio's API says what it offers, or Gateway API. @default "chart", which is Istio's API */
  readonly kind?: "chart" | "gateway-api";
  readonly namespace: string;
  /** Name of its Service. */
  readonly service: string;
  readonly serviceAccount: string;
  /** Labels of its pods, for the selector of an Istio `Gateway`. */
  readonly selector: Readonly<Record<string, string>>;
  /** Port numbers the Service offers, by the name of the port (`http2`, `https`). */
  readonly ports: Readonly<Record<string, number>>;
  /** How it answers on its port `https`. @default it does not */
  readonly tls?: GatewayTls;
}

/** How a gateway answers TLS. */
export interface GatewayTls {
  /** MUTUAL asks clients for a certificate; PASSTHROUGH leaves TLS to the workload. */
  readonly mode: "SIMPLE" | "MUTUAL" | "PASSTHROUGH";
  /** Secret with its certificate, in its own namespace. */
  readonly credentialName: string;
  /** Whether plain HTTP gets a redirect. */
  readonly httpsRedirect: boolean;
  /** Where clients from outside reach it, where that is known. @default 443 */
  readonly outsidePort?: number;
}

/** A waypoint that policies can name: Envoy in front of the services of a namespace, or of one service. */
export interface WaypointWorkload {
  /** Name of its Gateway, and of the service account that istiod makes for it. */
  readonly name: string;
  readonly namespace: string;
  /** The service it stands before. @default every one of the namespace that has none of its own */
  readonly service?: string;
  /** Whether what comes in by a gateway goes through it as well. */
  readonly ingress: boolean;
}
