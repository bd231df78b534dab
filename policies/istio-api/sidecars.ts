import { type Caller, type MeshWorkload, type PolicyTarget, workloadKey } from "../../components/model/names";
import { policyName, targetPolicyName } from "../../components/model/object-names";
import { isExportedTo } from "../../components/model/policies/external-services";
import type { KnownHosts } from "../../components/model/policies/known-hosts";
import { type AccessRule, clusterHost, type PolicyModel } from "../../components/model/policies/policy-model";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { rootNamespace } from "../../components/shared/istio";
import { type IstioSpecs, istioObject, sortedUnique } from "../api-objects";
import { serviceHost } from "./egress-gateway";

/** What every proxy needs: Istio's own services, the API server, and the cluster's DNS over TCP. */
const everywhere = [
  `${rootNamespace}/*`,
  "default/kubernetes.default.svc.cluster.local",
  "kube-system/kube-dns.kube-system.svc.cluster.local",
];

/** Services of the cluster, without the external hosts that a ServiceEntry of the same namespace may define. */
const clusterServices = "*.svc.cluster.local";

/**
 * A `Sidecar` for each workload with a sidecar, limited to the services that allow rules let the workload call, and to
 * the external hosts that egress rules let it reach: the proxy's configuration does not grow with the mesh. A namespace
 * that allows by default is included as a whole.
 *
 * A Sidecar limits configuration and is no access control; the AuthorizationPolicy of the called service is.
 *
 * https://istio.io/latest/docs/reference/config/networking/sidecar/
 */
export function sidecars(model: PolicyModel): KubernetesObject<IstioSpecs["Sidecar"]>[] {
  const { sidecarScoping, egress, workloads } = model;
  if (!sidecarScoping && !egress) return model.knownHosts.map(sidecar);
  return workloads
    .filter(({ dataPlane }) => dataPlane === "sidecar")
    .map((workload) => {
      const inMesh = scopedHosts(model, workload) ?? [`*/${clusterServices}`];
      const { namespace, name, labels } = workload;
      return istioObject(
        "Sidecar",
        {
          namespace,
          name: policyName(name, "scope"),
          from: [egress ? "security" : "mesh", egress ? "egress" : "sidecarScoping"],
        },
        {
          workloadSelector: { labels: { ...labels } },
          egress: [{ hosts: sortedUnique([...everywhere, ...inMesh, ...externalHosts(model, workload)]) }],
          // A host that no egress rule allows this workload is blocked, whatever the mesh's outboundTrafficPolicy.
          ...(egress && { outboundTrafficPolicy: { mode: "REGISTRY_ONLY" as const } }),
        },
      );
    });
}

/** The services of the cluster that its Sidecar lets a workload know; undefined: all. */
export function scopedHosts(model: PolicyModel, workload: MeshWorkload): readonly string[] | undefined {
  const { sidecarScoping } = model;
  if (!sidecarScoping || workload.dataPlane !== "sidecar") return undefined;
  const clients = [identity(workload), workload.namespace, anyClient];
  const hosts = callableHosts(model.scopedBy ?? model).flatMap(([by, host]) => (clients.includes(by) ? [host] : []));
  return [...everywhere, ...sidecarScoping.proxyServices, ...hosts];
}

/** Istio takes that of a workload, else the one of its namespace without a selector, else that of the root namespace. */
function sidecar({ path: from, target, hosts, settings }: KnownHosts): KubernetesObject<IstioSpecs["Sidecar"]> {
  const [workload] = target.kind === "workload" ? target.workloads : [];
  const mode = settings.outboundTrafficPolicy;
  return istioObject(
    "Sidecar",
    { namespace: target.namespace, name: targetPolicyName(target, workload ? "scope" : "default"), from },
    {
      ...(workload && { workloadSelector: { labels: { ...workload.labels } } }),
      egress: [{ hosts: sortedUnique(hosts) }],
      ...(mode && { outboundTrafficPolicy: { mode } }),
    },
  );
}

const anyClient = "*";

/** Hosts that clients may call, by `namespace/account`, `namespace` or `*`, in a Sidecar's form `namespace/host`. */
function callableHosts(model: PolicyModel): readonly (readonly [client: string, host: string])[] {
  const found = callable.get(model) ?? readCallable(model);
  callable.set(model, found);
  return found;
}

const callable = new WeakMap<PolicyModel, ReturnType<typeof readCallable>>();

function readCallable({ workloads, accessRules, defaultDenyNamespaces: denying, egress }: PolicyModel) {
  const open = workloads.filter(({ namespace }) => !denying.has(namespace));
  const denies = ({ workloads: all }: PolicyTarget) => all.some(({ namespace }) => denying.has(namespace));
  const allowing = accessRules.filter(({ action, target }) => action === "ALLOW" && denies(target));
  return [
    ...open.map(({ namespace }) => [anyClient, `${namespace}/${egress ? clusterServices : "*"}`] as const),
    ...allowing.flatMap((rule) => {
      const host = targetHost(rule.target);
      return clientsOf(rule).map((client) => [client, host] as const);
    }),
  ];
}

/** A gateway has no workload of its own in a default-deny namespace. */
function targetHost({ kind, namespace, workloads: [workload] }: PolicyTarget): string {
  if (kind === "workload" && workload) return `${namespace}/${clusterHost(workload)}`;
  return `${kind === "mesh" ? "*" : namespace}/${clusterServices}`;
}

/** Conditions that are not names of the stack may be met by any client. */
function clientsOf({
  callers = [],
  settings: { from, fromNamespaces = [], principals },
}: AccessRule): readonly string[] {
  const isOpen = (!from && fromNamespaces.length === 0) || fromNamespaces.some((name) => name.includes("*"));
  if (isOpen || principals) return [anyClient];
  return [...callers.map(identity), ...fromNamespaces];
}

function identity({ namespace, serviceAccount }: Pick<Caller, "namespace" | "serviceAccount">): string {
  return `${namespace}/${serviceAccount}`;
}

/**
 * Hosts outside the mesh that a workload may reach, such as `./a-cup-of.coffee`, and the egress gateways that they are
 * behind: those of its egress rules, or without egress rules all that its namespace knows.
 */
function externalHosts({ egress, externalServices }: PolicyModel, workload: MeshWorkload): string[] {
  const own = egress?.rules.filter((rule) => workloadKey(rule.workload) === workloadKey(workload)) ?? [];
  const known = externalServices.filter((service) => isExportedTo(service, workload.namespace));
  const described = egress
    ? own.flatMap(({ described: services }) => [...services])
    : known.flatMap((service) => service.hosts.map((host) => [host, service] as const));
  const inline = own.flatMap((rule) => rule.settings.hosts.filter((host) => !rule.described.has(host)));
  const gateways = [
    ...described.flatMap(([, { gateway }]) => gateway ?? []),
    ...(inline.length > 0 ? [egress?.gateway ?? []].flat() : []),
  ];
  return [
    ...described.map(([host, { namespace }]) => `${namespace === workload.namespace ? "." : namespace}/${host}`),
    ...inline.map((host) => `${egress?.gateway?.namespace ?? "."}/${host}`),
    ...gateways.map((gateway) => `${gateway.namespace}/${serviceHost(gateway)}`),
  ];
}
