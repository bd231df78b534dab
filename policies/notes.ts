import { clusterTraits } from "../components/cluster/kinds";
import { idleBreaker } from "../components/model/connection-pools";
import { type Names, workloadKey } from "../components/model/names";
import type { PolicyModel } from "../components/model/policies/policy-model";
import type { Settings } from "../components/settings/schema";
import { isFromSecret, type TrafficPolicySettings } from "../components/settings/sections/traffic-policy";
import { listOf } from "../components/settings/wording";
import type { KubernetesObject } from "../components/shared/kubernetes/object";
import { formatPath, type SettingPath } from "../components/shared/problem";
import type { ServicePort } from "../components/shared/workload";

interface NotedModel {
  readonly settings: Pick<Settings, "cluster" | "traffic">;
  readonly policies: Pick<PolicyModel, "names" | "egress" | "workloads" | "externalServices">;
}

/** For the output `notes`: policies with less effect than a reader may expect. */
export function policyNotes(
  { settings: { cluster, traffic }, policies }: NotedModel,
  objects: readonly KubernetesObject[],
): string[] {
  return [
    ...networkPolicyNotes(cluster, objects),
    ...closedWorkloads(policies),
    ...idleBreakers(traffic, policies.names),
    ...readSecrets(policies),
  ];
}

/** istiod hands a Secret to a sidecar whose service account may list Secrets. Source: istio/istio, pilot/pkg/xds/sds.go. */
function readSecrets({ externalServices }: NotedModel["policies"]): string[] {
  return externalServices.flatMap(({ client, settings: { trafficPolicy } }) => {
    const levels = [trafficPolicy, ...(trafficPolicy?.portLevelSettings ?? [])];
    const names = levels.flatMap((level) => level?.tls?.credentialName ?? []).filter(isFromSecret);
    if (!client || names.length === 0) return [];
    const { namespace, serviceAccount } = client;
    return [
      `The sidecar of ${workloadKey(client)} reads the Secret ${listOf([...new Set(names)])} once service account ${serviceAccount} ` +
        `may list the Secrets of namespace ${namespace}, which its pods then may as well; until then its connections fail.`,
    ];
  });
}

/** Egress rules for one workload close the outside for all others. */
function closedWorkloads({ egress, workloads }: NotedModel["policies"]): string[] {
  if (!egress) return [];
  const allowed = new Set(egress.rules.map(({ workload }) => workloadKey(workload)));
  const closed = workloads.filter((one) => one.dataPlane !== "none" && !allowed.has(workloadKey(one)));
  if (closed.length === 0) return [];
  const names = listOf(closed.map(workloadKey));
  return [
    `security.egress closes the outside for workloads that none of its rules allow a host: ${names}. ` +
      "To open a host to all, add a rule with from: '*'.",
  ];
}

function networkPolicyNotes(cluster: Settings["cluster"], objects: readonly KubernetesObject[]): string[] {
  const { networkPolicies: enforced } = clusterTraits(cluster);
  if (enforced === "enforced" || !objects.some(({ kind }) => kind === "NetworkPolicy")) return [];
  const consequence = "a workload that connects to an external IP address bypasses security.egress";
  return [
    enforced === "ignored"
      ? `The cluster's flannel ignores NetworkPolicy: ${consequence}. ` +
        "Set kubeNetworkPoliciesEnabled under talos-mesh:cluster.cni, or use a CNI that enforces NetworkPolicy."
      : `It is not known whether the cluster's CNI enforces NetworkPolicy. If it does not, ${consequence}.`,
  ];
}

/** A limit of connections may be wanted as it is, so it is not refused. */
function idleBreakers({ services }: Settings["traffic"], names: Names): string[] {
  return services.flatMap((service, index) => {
    const { ports } = names.workload(service.host, service.namespace);
    const at = ["traffic", "services", index];
    const ofSubsets = service.subsets.flatMap((subset, position) =>
      typeof subset === "string" ? [] : poolNotes(subset.trafficPolicy, ports, [...at, "subsets", position]),
    );
    return [...poolNotes(service.trafficPolicy, ports, at), ...ofSubsets];
  });
}

function poolNotes(
  { portLevelSettings = [], ...policy }: TrafficPolicySettings = {},
  ports: readonly ServicePort[],
  at: SettingPath,
): string[] {
  const path = [...at, "trafficPolicy"];
  const numbers = portLevelSettings.map(({ port }) => port.number);
  const others = ports.filter(({ port }) => !numbers.includes(port));
  return [
    ...poolNote(policy, others, path),
    ...portLevelSettings.flatMap((settings, index) =>
      poolNote(
        settings,
        ports.filter(({ port }) => port === settings.port.number),
        [...path, "portLevelSettings", index],
      ),
    ),
  ];
}

function poolNote(
  { connectionPool }: Pick<TrafficPolicySettings, "connectionPool">,
  ports: readonly ServicePort[],
  at: SettingPath,
): string[] {
  if (!connectionPool) return [];
  const [idle] = ports.flatMap(({ protocol }) => idleBreaker(connectionPool, protocol) ?? []);
  if (!idle) return [];
  const path = formatPath([...at, "connectionPool"]);
  return [`${path} refuses no request: ${idle.reason}. Set http.${idle.instead} for a circuit breaker that opens.`];
}
