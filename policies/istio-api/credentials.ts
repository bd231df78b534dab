import { clientCertificatesName } from "../../components/model/object-names";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { isFromSecret, type TrafficPolicySettings } from "../../components/settings/sections/traffic-policy";
import { grouped } from "../../components/shared/grouped";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { SettingPath } from "../../components/shared/problem";
import { objectWith } from "../api-objects";

interface Reader {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly from: SettingPath;
}

/**
 * istiod sends a proxy the key of a client certificate only if the service account of the proxy may list the Secrets of
 * its namespace. Istio's chart grants that to its gateways; waypoints and gateways that istiod deploys have no such Role.
 * istiod remembers a refusal for a minute, and sends nothing by itself when that is over: so these objects come first.
 *
 * Source: istio/istio, pilot/pkg/xds/sds.go, filterAuthorizedResources; pilot/pkg/credentials/kube/secrets.go, Authorize.
 */
export function credentialReaders(model: PolicyModel): KubernetesObject[] {
  const readers = [...ofExternalServices(model), ...ofServices(model)];
  return grouped(readers, ({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`).flatMap(
    ([{ namespace, serviceAccount, from }]) => {
      const name = clientCertificatesName(serviceAccount);
      const apiGroup = "rbac.authorization.k8s.io";
      const place = { namespace, name, from };
      return [
        objectWith(`${apiGroup}/v1`, "Role", place, {
          spec: undefined,
          rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"] }],
        }),
        objectWith(`${apiGroup}/v1`, "RoleBinding", place, {
          spec: undefined,
          roleRef: { apiGroup, kind: "Role", name },
          subjects: [{ kind: "ServiceAccount", name: serviceAccount, namespace }],
        }),
      ];
    },
  );
}

function ofExternalServices({ externalServices }: PolicyModel): Reader[] {
  return externalServices.flatMap(({ gateway, waypoint, settings, path: from }) => {
    const policies = [settings.trafficPolicy, ...settings.subsets.map(({ trafficPolicy }) => trafficPolicy)];
    if (!policies.some(hasClientCertificate)) return [];
    if (gateway?.kind === "gateway-api")
      return [{ namespace: gateway.namespace, serviceAccount: gateway.serviceAccount, from }];
    return waypoint ? [{ namespace: waypoint.namespace, serviceAccount: waypoint.name, from }] : [];
  });
}

function ofServices({ services }: PolicyModel): Reader[] {
  return services.flatMap(({ waypoint, trafficPolicy, subsets, exposures, paths: [from = []] }) => {
    const policies = [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)];
    if (!policies.some(hasClientCertificate)) return [];
    return [
      ...(waypoint ? [{ namespace: waypoint.namespace, serviceAccount: waypoint.name, from }] : []),
      ...exposures
        .filter(({ gateway }) => gateway.kind === "gateway-api" && !gateway.foreign)
        .map(({ gateway: { namespace, serviceAccount } }) => ({ namespace, serviceAccount, from })),
    ];
  });
}

function hasClientCertificate(policy: TrafficPolicySettings | undefined): boolean {
  return [policy, ...(policy?.portLevelSettings ?? [])].some(
    (one) => one?.tls?.mode === "MUTUAL" && isFromSecret(one.tls.credentialName),
  );
}
