/** What the bytes of a port are, in the words of Kubernetes' `appProtocol` and of Istio's prefixes of port names. */
export const portProtocols = ["http", "http2", "grpc", "https", "tls", "tcp"] as const;

export type PortProtocol = (typeof portProtocols)[number];

export interface ServicePort {
  /** Kubernetes requires one where a Service has several ports. */
  readonly name?: string;
  readonly port: number;
  /** Of the pods. @default the same number */
  readonly targetPort?: number;
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
  /** The labels that select its pods; none of a Service without selector. */
  readonly labels: Readonly<Record<string, string>>;
  /** Service account of its pods: the last part of their SPIFFE identity. */
  readonly serviceAccount: string;
  /** Of the Service, at least one. */
  readonly ports: readonly ServicePort[];
  /** Of its pods, and not of the Service. @default none */
  readonly podPorts?: readonly number[];
  /** Values of the pods' `version` label, oldest first. */
  readonly versions: readonly string[];
  /** Whether its Service has no address of its own, so that clients connect to a pod of their choice. @default false */
  readonly headless?: boolean;
  /** Services by version. @default none */
  readonly versionServices?: ReadonlyMap<string, VersionService>;
}

/** Whether its Service selects pods; one without selector has the addresses of its EndpointSlices. */
export function hasPods({ labels }: Pick<Workload, "labels">): boolean {
  return Object.keys(labels).length > 0;
}

/** As a Service has it, or a ServiceEntry. */
interface Protocol {
  readonly protocol: PortProtocol | Uppercase<PortProtocol> | "GRPC-WEB" | "MONGO" | "MYSQL" | "REDIS";
}

/** Whether its connections begin with TLS, which Envoy routes by the name in the handshake. */
export function isEncrypted({ protocol }: Protocol): boolean {
  return /^(https|tls)$/i.test(protocol);
}

/** The port that is meant where none is named: the only one of its kind, or the only one. */
export function onlyPort(ports: readonly ServicePort[], isMeant: (port: ServicePort) => boolean): number | undefined {
  const meant = ports.filter(isMeant);
  const [only, ...others] = meant.length > 0 ? meant : ports;
  return others.length === 0 ? only?.port : undefined;
}

/** Whether Envoy reads the requests of a port, so that HTTP routes and HTTP conditions apply to it. */
export function isHttp({ protocol }: Protocol): boolean {
  return /^(http2?|grpc(-web)?)$/i.test(protocol);
}

export interface GatewayWorkload {
  /** The name rules use: `ingress` or `egress`. */
  readonly name: string;
  /** Whether Istio's API configures it, or Gateway API. @default "chart", which is Istio's API */
  readonly kind?: "chart" | "gateway-api";
  readonly namespace: string;
  readonly service: string;
  readonly serviceAccount: string;
  /** Its Gateway, where others have created it: routes attach to it, and it says which hosts and listeners there are. */
  readonly foreign?: { readonly gateway: string; readonly listeners?: readonly string[] };
  /** Labels of its pods, for the selector of an Istio `Gateway`. */
  readonly selector: Readonly<Record<string, string>>;
  /** Port numbers of the Service, by the name of the port (`http2`, `https`). */
  readonly ports: Readonly<Record<string, number>>;
  /** Those of its pods, by those of the Service, as far as the settings say them. @default the same numbers */
  readonly targetPorts?: ReadonlyMap<number, number>;
  /** Further ports with the hosts of HTTP: without TLS, or with that of `tls`. @default none */
  readonly httpServers?: readonly { readonly number: number; readonly protocol: "HTTP" | "HTTPS" }[];
  /** TLS on its port `https`. @default none */
  readonly tls?: GatewayTls;
}

export interface GatewayTls {
  /** What its port for plain HTTP does: nothing listens on it, it answers with a redirect to HTTPS, or serves the hosts too. */
  readonly plainHttp: "closed" | "redirect" | "served";
  /** The port of HTTPS for clients outside the cluster. @default 443 */
  readonly outsidePort?: number;
  readonly servers: readonly TlsServer[];
}

/** How a gateway speaks TLS for some hosts. */
export interface TlsServer {
  /** @default every host that no other server names */
  readonly hosts?: readonly string[];
  /** MUTUAL requires a client certificate; PASSTHROUGH leaves TLS to the workload. */
  readonly mode: "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL" | "PASSTHROUGH";
  /** Secrets with its certificates, in the gateway's namespace. */
  readonly credentialNames: readonly string[];
  /** @default the mesh's */
  readonly protocol?: TlsProtocol;
}

type TlsVersion = "TLSV1_0" | "TLSV1_1" | "TLSV1_2" | "TLSV1_3";

/** Fields of Istio's `servers[].tls`: versions, ciphers, and what is checked of the certificates of clients. */
export interface TlsProtocol {
  readonly minProtocolVersion?: TlsVersion;
  readonly maxProtocolVersion?: TlsVersion;
  readonly cipherSuites?: string[];
  readonly subjectAltNames?: string[];
  readonly verifyCertificateSpki?: string[];
  readonly verifyCertificateHash?: string[];
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
