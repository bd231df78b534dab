import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { rootNamespace } from "../../components/shared/istio";
import { type Caller, clusterHost, type ResolvedModel, type Target } from "../resolve/resolved";
import { sortedUnique } from "./access-rules";
import { externalHosts } from "./egress";
import { type IstioSpecs, istioObject } from "./istio-object";

/**
 * What every proxy knows, whoever its workload talks to: the mesh's own services, the API server, and the cluster's DNS
 * for those who ask it by TCP.
 */
const everywhere = [
  `${rootNamespace}/*`,
  "default/kubernetes.default.svc.cluster.local",
  "kube-system/kube-dns.kube-system.svc.cluster.local",
];

/**
 * One `Sidecar` for each workload with a sidecar: its proxy is told of the services that the workload may ask, and of
 * nothing else, so that its configuration does not grow with the mesh. Who may ask whom the allow rules say; a namespace
 * that allows everything is known as a whole.
 *
 * It keeps configuration small and is no lock: an AuthorizationPolicy at the service that is asked is.
 *
 * https://istio.io/latest/docs/reference/config/networking/sidecar/
 */
export function compileScoping(model: ResolvedModel): KubernetesObject<IstioSpecs["Sidecar"]>[] {
  const { sidecarScoping, egress } = model;
  if (!sidecarScoping && !egress) return [];
  const reach = new Reach(model);
  return model.targets
    .filter(({ dataPlane }) => dataPlane === "sidecar")
    .map((workload) => {
      const inMesh = sidecarScoping
        ? [...everywhere, ...sidecarScoping.proxyServices, ...reach.of(workload)]
        : [...everywhere, `*/${clusterNames}`];
      return istioObject(
        "Sidecar",
        { namespace: workload.namespace, name: `${workload.name}.scope` },
        {
          workloadSelector: { labels: { app: workload.name } },
          egress: [{ hosts: sortedUnique([...inMesh, ...externalHosts(model, workload)]) }],
          // What no rule names is outside for this workload, whatever the mesh allows the others.
          ...(egress && { outboundTrafficPolicy: { mode: "REGISTRY_ONLY" as const } }),
        },
      );
    });
}

/** Services of the cluster, and none of the hosts outside that a ServiceEntry of the same namespace may name. */
const clusterNames = "*.svc.cluster.local";

type Identity = Pick<Caller, "namespace" | "serviceAccount">;

/** Which services each workload may ask, as hosts of a `Sidecar`: `namespace/name`. */
class Reach {
  /** Hosts by who may ask them: `namespace/account`, `namespace`, or `*` for everybody. */
  private readonly hosts = new Map<string, string[]>();

  constructor({ targets, accessRules, defaultDenyNamespaces, egress }: ResolvedModel) {
    const closed = new Set(defaultDenyNamespaces);
    for (const { namespace } of targets) {
      if (!closed.has(namespace)) this.add("*", `${namespace}/${egress ? clusterNames : "*"}`);
    }
    for (const { action, target, callers, namespaces } of accessRules) {
      if (action !== "ALLOW" || !closed.has(target.namespace)) continue;
      const host = `${target.namespace}/${clusterHost(target)}`;
      for (const caller of callers ?? []) this.add(identity(caller), host);
      for (const namespace of namespaces ?? []) this.add(namespace, host);
      if (!callers && !namespaces) this.add("*", host);
    }
  }

  of(workload: Target): string[] {
    return [identity(workload), workload.namespace, "*"].flatMap((who) => this.hosts.get(who) ?? []);
  }

  private add(who: string, host: string): void {
    const known = this.hosts.get(who);
    if (known) known.push(host);
    else this.hosts.set(who, [host]);
  }
}

function identity({ namespace, serviceAccount }: Identity): string {
  return `${namespace}/${serviceAccount}`;
}
