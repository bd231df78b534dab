import type { IReferenceGrant } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1beta1/ReferenceGrant" with {
  "resolution-mode": "import",
};
import { grantName } from "../../components/model/object-names";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { grouped } from "../../components/shared/grouped";
import { policyObject, type RouteRule, type RouteSpec, type TcpRouteSpec, type TlsRouteSpec } from "../api-objects";

type Spec = NonNullable<IReferenceGrant["spec"]>;

/**
 * A route leads to a Service of another namespace where this namespace allows it: one grant for each namespace of routes.
 *
 * https://gateway-api.sigs.k8s.io/api-types/referencegrant/
 */
export function referenceGrants(
  routes: readonly KubernetesObject<RouteSpec | TlsRouteSpec | TcpRouteSpec>[],
): KubernetesObject<Spec>[] {
  const references = routes.flatMap(({ kind, metadata, spec }) =>
    (spec?.rules ?? [])
      .map((rule: RouteRule) => rule)
      .flatMap(({ backendRefs = [], filters = [] }) => [
        ...backendRefs,
        ...filters.flatMap(({ requestMirror }) => requestMirror?.backendRef ?? []),
      ])
      .flatMap(({ namespace, name }) =>
        namespace === undefined ? [] : [{ kind, from: metadata.namespace ?? "", namespace, name }],
      ),
  );
  return grouped(references, ({ from, namespace }) => `${from}/${namespace}`).map(([{ from, namespace }, all]) => {
    const kinds = [...new Set(all.map(({ kind }) => kind))].sort();
    const services = [...new Set(all.map(({ name }) => name))].sort();
    return policyObject(
      "gateway.networking.k8s.io/v1beta1",
      "ReferenceGrant",
      { namespace, name: grantName(from), from: ["traffic", "services"] },
      {
        from: kinds.map((kind) => ({ group: "gateway.networking.k8s.io", kind, namespace: from })),
        to: services.map((name) => ({ group: "", kind: "Service", name })),
      },
    );
  });
}
