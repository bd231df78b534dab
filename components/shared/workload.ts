/** What the bytes of a port are, in the words of Kubernetes' `appProtocol` and of Istio's prefixes of port names. */
export const portProtocols = ["http", "http2", "grpc", "https", "tls", "tcp"] as const;

export type PortProtocol = (typeof portProtocols)[number];

export interface ServicePort {
  /** Kubernetes requires one where a Service has several ports. */
  readonly name?: string;
  readonly port: number;
  readonly protocol: PortProtocol;
}

/** The Service in front of the pods of one version. */
export interface VersionService {
  readonly name: string;
  /** Its port. @default those of the main Service */
  readonly port?: number;
}

/** A workload that policies can name: a Service, the pods behind it, and their identity. */
export interface Workload {
  /** Name of the Service. */
  readonly name: string;
  readonly namespace: string;
  /** The labels that select its pods. */
  readonly labels: Readonly<Record<string, string>>;
  /** Service account of its pods: the last part of their SPIFFE identity. */
  readonly serviceAccount: string;
  /** Of the Service, at least one. */
  readonly ports: readonly ServicePort[];
  /** Values of the pods' `version` label, oldest first. */
  readonly versions: readonly string[];
  /** Services by version. @default none */
  readonly versionServices?: ReadonlyMap<string, VersionService>;
}

/** Whether Envoy reads the requests of a port, so that HTTP routes and HTTP conditions apply to it. */
export function isHttp({ protocol }: Pick<ServicePort, "protocol">): boolean {
  return protocol === "http" || protocol === "http2" || protocol === "grpc";
}

export interface GatewayWorkload {
  /** The name rules use: `ingress` or `egress`. */
  readonly name: string;
  /** Whether Istio's API configures it, or Gateway API. @default "chart", which is Istio's API */
  readonly kind?: "chart" | "gateway-api";
  readonly namespace: string;
  readonly service: string;
  readonly serviceAccount: string;
  /** Labels of its pods, for the selector of an Istio `Gateway`. */
  readonly selector: Readonly<Record<string, string>>;
  /** Port numbers of the Service, by the name of the port (`http2`, `https`). */
  readonly ports: Readonly<Record<string, number>>;
  /** TLS on its port `https`. @default none */
  readonly tls?: GatewayTls;
}

export interface GatewayTls {
  /** MUTUAL requires a client certificate; PASSTHROUGH leaves TLS to the workload. */
  readonly mode: "SIMPLE" | "MUTUAL" | "PASSTHROUGH";
  /** Secret with its certificate, in its own namespace. */
  readonly credentialName: string;
  /** Whether plain HTTP is redirected to HTTPS. */
  readonly httpsRedirect: boolean;
  /** The port for clients outside the cluster. @default 443 */
  readonly outsidePort?: number;
}

/** A waypoint that policies can name: Envoy in front of the services of a namespace, or of one service. */
export interface WaypointWorkload {
  /** Name of its Gateway, and of the service account that istiod makes for it. */
  readonly name: string;
  readonly namespace: string;
  /** The service it serves. @default every one of the namespace without a waypoint of its own */
  readonly service?: string;
  /** Whether traffic from a gateway goes through it as well. */
  readonly ingress: boolean;
}
