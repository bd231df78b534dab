import type { IHTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute" with {
  "resolution-mode": "import",
};
import type { ITLSRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/TLSRoute" with {
  "resolution-mode": "import",
};
import type { ITCPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1alpha2/TCPRoute" with {
  "resolution-mode": "import",
};
import type {
  IDestinationRule,
  IGateway,
  IServiceEntry,
  ISidecar,
  IVirtualService,
} from "@kubernetes-models/istio/networking.istio.io/v1" with { "resolution-mode": "import" };
import type {
  IAuthorizationPolicy,
  IPeerAuthentication,
  IRequestAuthentication,
} from "@kubernetes-models/istio/security.istio.io/v1" with { "resolution-mode": "import" };
import type { IProxyConfig } from "@kubernetes-models/istio/networking.istio.io/v1beta1" with {
  "resolution-mode": "import",
};
import type { ITelemetry } from "@kubernetes-models/istio/telemetry.istio.io/v1" with { "resolution-mode": "import" };
import { type KubernetesObject, managedBy } from "../components/shared/kubernetes/object";
import type { SettingPath } from "../components/shared/problem";

/** Kinds of Istio's API with the types of their specs: a misspelt field does not compile. */
export interface IstioSpecs {
  readonly Gateway: NonNullable<IGateway["spec"]>;
  readonly VirtualService: NonNullable<IVirtualService["spec"]>;
  readonly ServiceEntry: NonNullable<IServiceEntry["spec"]>;
  readonly DestinationRule: NonNullable<IDestinationRule["spec"]>;
  readonly Sidecar: NonNullable<ISidecar["spec"]>;
  readonly AuthorizationPolicy: NonNullable<IAuthorizationPolicy["spec"]>;
  readonly PeerAuthentication: NonNullable<IPeerAuthentication["spec"]>;
  readonly RequestAuthentication: NonNullable<IRequestAuthentication["spec"]>;
  readonly Telemetry: TelemetrySpec;
  readonly ProxyConfig: NonNullable<IProxyConfig["spec"]>;
}

type GivenTelemetry = NonNullable<ITelemetry["spec"]>;

/** With the fields that are newer than the package. */
interface TelemetrySpec extends Omit<GivenTelemetry, "tracing"> {
  readonly tracing?: (NonNullable<GivenTelemetry["tracing"]>[number] & { disableContextPropagation?: boolean })[];
}

/** A route of a VirtualService; that of Gateway API is RouteRule. */
export type VirtualServiceRoute = NonNullable<IstioSpecs["VirtualService"]["http"]>[number];
export type HttpMatch = NonNullable<VirtualServiceRoute["match"]>[number];
export type HttpFault = NonNullable<VirtualServiceRoute["fault"]>;
export type AuthorizationRule = NonNullable<IstioSpecs["AuthorizationPolicy"]["rules"]>[number];

export type RouteSpec = NonNullable<IHTTPRoute["spec"]>;
export type RouteRule = NonNullable<RouteSpec["rules"]>[number];
/** That of v1 is the same. */
export type TcpRouteSpec = NonNullable<ITCPRoute["spec"]>;
export type TlsRouteSpec = NonNullable<ITLSRoute["spec"]>;
export type RouteFilter = NonNullable<RouteRule["filters"]>[number];
export type RouteMatch = NonNullable<RouteRule["matches"]>[number];

const apiVersions: { readonly [Kind in keyof IstioSpecs]: string } = {
  Gateway: "networking.istio.io/v1",
  VirtualService: "networking.istio.io/v1",
  ServiceEntry: "networking.istio.io/v1",
  DestinationRule: "networking.istio.io/v1",
  Sidecar: "networking.istio.io/v1",
  AuthorizationPolicy: "security.istio.io/v1",
  PeerAuthentication: "security.istio.io/v1",
  RequestAuthentication: "security.istio.io/v1",
  Telemetry: "telemetry.istio.io/v1",
  ProxyConfig: "networking.istio.io/v1beta1",
};

export interface Place {
  readonly namespace: string;
  /** With a dot (`reviews.allow`): a workload's name, which has no dots, and a suffix, so never that of another object. */
  readonly name: string;
  /** The setting that the object is created for. */
  readonly from: SettingPath;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const ownLabel = { [managedBy]: "talos-mesh" };

export function istioObject<Kind extends keyof IstioSpecs>(
  kind: Kind,
  place: Place,
  spec: IstioSpecs[Kind],
): KubernetesObject<IstioSpecs[Kind]> {
  return policyObject(apiVersions[kind], kind, place, spec);
}

/** An object with the label that marks it as ours. */
export function policyObject<Spec>(apiVersion: string, kind: string, place: Place, spec: Spec): KubernetesObject<Spec> {
  return objectWith(apiVersion, kind, place, { spec });
}

/** Such an object of a kind that has other fields than `spec`. */
export function objectWith<Fields extends object>(
  apiVersion: string,
  kind: string,
  { name, namespace, from, labels, annotations }: Place,
  fields: Fields,
): Omit<KubernetesObject, "spec"> & Fields {
  const object = {
    apiVersion,
    kind,
    metadata: { name, namespace, labels: { ...ownLabel, ...labels }, ...(annotations && { annotations }) },
    ...fields,
  };
  origins.set(object, from);
  return object;
}

/** Not in the objects, which are applied as they are. */
const origins = new WeakMap<object, SettingPath>();

/** The setting that an object of a policy is created for. */
export function settingOf(object: KubernetesObject): SettingPath {
  return origins.get(object) ?? [];
}

/** Lists that are sets, in one order whatever order they were written in. */
export function sortedUnique<Item>(items: readonly Item[]): Item[] {
  const byJson = new Map(items.map((item) => [JSON.stringify(item), item]));
  return [...byJson].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}

/** The identity in a workload's certificate, without `spiffe://`. */
export function principal(
  { namespace, serviceAccount }: { readonly namespace: string; readonly serviceAccount: string },
  trustDomain: string,
): string {
  return `${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
