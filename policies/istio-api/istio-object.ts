import type { IDestinationRule } from "@kubernetes-models/istio/networking.istio.io/v1/DestinationRule" with {
  "resolution-mode": "import",
};
import type { IGateway } from "@kubernetes-models/istio/networking.istio.io/v1/Gateway" with {
  "resolution-mode": "import",
};
import type { ISidecar } from "@kubernetes-models/istio/networking.istio.io/v1/Sidecar" with {
  "resolution-mode": "import",
};
import type { IServiceEntry } from "@kubernetes-models/istio/networking.istio.io/v1/ServiceEntry" with {
  "resolution-mode": "import",
};
import type { IVirtualService } from "@kubernetes-models/istio/networking.istio.io/v1/VirtualService" with {
  "resolution-mode": "import",
};
import type { IAuthorizationPolicy } from "@kubernetes-models/istio/security.istio.io/v1/AuthorizationPolicy" with {
  "resolution-mode": "import",
};
import type { IRequestAuthentication } from "@kubernetes-models/istio/security.istio.io/v1/RequestAuthentication" with {
  "resolution-mode": "import",
};
import type { ITelemetry } from "@kubernetes-models/istio/telemetry.istio.io/v1/Telemetry" with {
  "resolution-mode": "import",
};
import type { IPeerAuthentication } from "@kubernetes-models/istio/security.istio.io/v1/PeerAuthentication" with {
  "resolution-mode": "import",
};
import type { KubernetesObject } from "../../components/shared/kubernetes/object";

/** The kinds the compilers make, each with the type of its spec: a misspelt field does not compile. */
export interface IstioSpecs {
  readonly Gateway: NonNullable<IGateway["spec"]>;
  readonly VirtualService: NonNullable<IVirtualService["spec"]>;
  readonly ServiceEntry: NonNullable<IServiceEntry["spec"]>;
  readonly DestinationRule: NonNullable<IDestinationRule["spec"]>;
  readonly Sidecar: NonNullable<ISidecar["spec"]>;
  readonly AuthorizationPolicy: NonNullable<IAuthorizationPolicy["spec"]>;
  readonly PeerAuthentication: NonNullable<IPeerAuthentication["spec"]>;
  readonly RequestAuthentication: NonNullable<IRequestAuthentication["spec"]>;
  readonly Telemetry: NonNullable<ITelemetry["spec"]>;
}

export type HttpRoute = NonNullable<IstioSpecs["VirtualService"]["http"]>[number];
export type HttpMatch = NonNullable<HttpRoute["match"]>[number];
export type HttpFault = NonNullable<HttpRoute["fault"]>;
export type TlsRoute = NonNullable<IstioSpecs["VirtualService"]["tls"]>[number];
export type AuthorizationRule = NonNullable<IstioSpecs["AuthorizationPolicy"]["rules"]>[number];

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
};

/** Where an object lives, and notes for its readers. */
export interface Place {
  readonly namespace: string;
  /**
   * Derived from what the object is about. Names with a dot (`reviews.allow`) are made of a workload, which never has
   * one, and a word of ours, so that no two kinds of name can meet.
   */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An object of Istio's API, marked as ours. */
export function istioObject<Kind extends keyof IstioSpecs>(
  kind: Kind,
  { namespace, name, annotations, labels: own }: Place,
  spec: IstioSpecs[Kind],
): KubernetesObject<IstioSpecs[Kind]> {
  const labels = { "app.kubernetes.io/managed-by": "talos-mesh", ...own };
  return {
    apiVersion: apiVersions[kind],
    kind,
    metadata: { name, namespace, labels, ...(annotations && { annotations }) },
    spec,
  };
}
