import { settingOf } from "../../../policies/api-objects";
import { ambientRefusal } from "../../../policies/capabilities";
import { proxyConfigs } from "../../../policies/istio-api/proxy-configs";
import { sidecars } from "../../../policies/istio-api/sidecars";
import { type MeshWorkload, type PolicyTarget, targetKey } from "../../model/names";
import { exportIncludes, isExportedTo } from "../../model/policies/external-services";
import { hiddenBy, type KnownHosts } from "../../model/policies/known-hosts";
import { type AccessRule, clusterHost, type MeshService, type PolicyModel } from "../../model/policies/policy-model";
import type { Settings } from "../../settings/schema";
import { listOf } from "../../settings/wording";
import { duplicates, type Problem, problemsOf, type Refusal, shortPath } from "../../shared/problem";
import { rootNamespace } from "../../shared/istio";
import type { KubernetesObject } from "../../shared/kubernetes/object";
import { asTree } from "../../shared/merge";
import { checkEach, runChecks } from "../../shared/unknown";
import { problemsAt, problemsOfEach } from "../check";

/** Configurations of sidecars that no sidecar reads, or that hide what other settings need. */
export function proxyProblems(model: PolicyModel, mesh: Partial<Pick<Settings["mesh"], "sidecarScoping">>) {
  const { knownHosts, proxyConfigs: configs } = model;
  const entries = (list: readonly { readonly path: KnownHosts["path"]; readonly target: PolicyTarget }[]) =>
    checkEach(list, [], ({ path, target }) => [{ path, key: target.title, within: targetKey(target) }]);
  return runChecks(
    () =>
      problemsAt(
        knownHosts,
        ({ target }) => ofSidecars(target, "sidecarHosts", "a Sidecar selects pods with a sidecar"),
        () => decidedElsewhere(model, mesh),
      ),
    () =>
      problemsAt(
        configs,
        ({ target }) => ofSidecars(target, "proxyConfig", "its pods may run before the ProxyConfig exists"),
        ({ target }) =>
          target.kind === "mesh" && {
            workload:
              "found *; for every proxy of the mesh set mesh.values.istiod.meshConfig.defaultConfig: concurrency, proxyMetadata, image",
          },
        ({ settings: { concurrency, environmentVariables = {}, image } }) =>
          concurrency === undefined &&
          Object.keys(environmentVariables).length === 0 &&
          !image &&
          "expected at least one of: concurrency, environmentVariables, image",
      ),
    () => duplicates(entries(knownHosts), "an entry for"),
    () => duplicates(entries(configs), "an entry for"),
    () => hiddenProblems(model),
    () => writtenOut(model),
  );
}

function ofSidecars(
  { kind, title, workloads }: PolicyTarget,
  row: "sidecarHosts" | "proxyConfig",
  why: string,
): Refusal {
  if (kind === "mesh") return undefined;
  if (kind === "gateway") return { workload: `found ${title}; ${why}; expected a workload or namespace/*` };
  const ambient = workloads.find(({ dataPlane }) => dataPlane === "ambient");
  return ambient && { workload: `found ${title}; ${ambientRefusal(row)}` };
}

/** Of two Sidecars that select a pod, Istio takes one. */
function decidedElsewhere({ egress }: PolicyModel, { sidecarScoping }: Parameters<typeof proxyProblems>[1]): Refusal {
  const other = egress ? "security.egress" : sidecarScoping && "mesh.sidecarScoping";
  return (
    other && `${other} has a Sidecar for each workload, next to which this one has no effect; remove one of the two`
  );
}

function hiddenProblems(model: PolicyModel): Iterable<Problem> {
  const { knownHosts, externalServices, services, workloads, accessRules, objects } = model;
  if (knownHosts.length === 0) return [];
  const clients = workloads.filter(({ dataPlane }) => dataPlane !== "none");
  const isHidden = (client: MeshWorkload, namespace: string, hosts: readonly string[]) =>
    hosts.every((host) => hiddenBy(knownHosts, client, { namespace, host }));
  const hiddenFromAll = (namespace: string, hosts: readonly string[], all: readonly MeshWorkload[]): Refusal =>
    all.length > 0 &&
    all.every((client) => isHidden(client, namespace, hosts)) &&
    `mesh.sidecars hides ${listOf(hosts)} from every workload, so that no proxy reads this; add ${namespace}/${hosts[0]} to the hosts of those that call it`;
  return runChecks(
    () => problemsAt(accessRules, (rule) => hiddenTarget(rule, model)),
    () =>
      problemsAt(externalServices, (service) =>
        hiddenFromAll(
          service.namespace,
          service.hosts,
          clients.filter(({ namespace }) => isExportedTo(service, namespace)),
        ),
      ),
    () =>
      checkEach(services, [], (service) =>
        problemsOf(
          isForMesh(service) &&
            hiddenFromAll(
              service.namespace,
              [clusterHost(service)],
              // A Service of the namespace itself is called by others too.
              clients,
            ),
          service.paths[0] ?? [],
        ),
      ),
    () =>
      problemsOfEach(objects, ["objects"], ({ kind, metadata: { namespace = "" }, spec }) => {
        if (kind !== "ServiceEntry" || namespace === rootNamespace) return undefined;
        const [hosts, exportTo] = [spec.hosts, spec.exportTo].map((list) => (Array.isArray(list) ? list : undefined));
        const known = clients.filter((client) => exportIncludes(exportTo, namespace, client.namespace));
        return hiddenFromAll(namespace, (hosts ?? []).map(String), known);
      }),
  );
}

/** Istio reads one of each kind for what it selects. */
function writtenOut(model: PolicyModel): Iterable<Problem> {
  const keyOf = ({ kind, metadata, spec }: KubernetesObject) => {
    const { selector, workloadSelector } = asTree(spec);
    return JSON.stringify([kind, metadata.namespace, selector ?? workloadSelector ?? null]);
  };
  // Those of egress rules and scoping are for workloads (secondSidecar).
  const written = model.egress || model.sidecarScoping ? [] : sidecars(model);
  const ours = new Map([...written, ...proxyConfigs(model)].map((one) => [keyOf(one), shortPath(settingOf(one))]));
  return problemsOfEach(model.objects, ["objects"], (object) => {
    const by = ["Sidecar", "ProxyConfig"].includes(object.kind) && ours.get(keyOf(object));
    return by && { spec: `selects the same as the ${object.kind} of ${by}, and Istio reads one of them; remove one` };
  });
}

function isForMesh({ meshRules, meshTcp, meshTls, trafficPolicy, exposures }: MeshService): boolean {
  const hasRoutes = meshRules.length + meshTcp.length + meshTls.length > 0;
  return hasRoutes || (trafficPolicy !== undefined && exposures.length === 0);
}

/** A client whose sidecar does not know the service has no mTLS to it, so that the rule would not let it in. */
function hiddenTarget({ action, callers = [], target }: AccessRule, { names, knownHosts }: PolicyModel): Refusal {
  const [workload] = target.workloads;
  if (action !== "ALLOW" || target.kind !== "workload" || !workload) return undefined;
  const service = { namespace: workload.namespace, host: clusterHost(workload) };
  return {
    from: callers.map((caller) => {
      const client = names.findWorkload(caller.namespace, caller.name);
      const known = client && hiddenBy(knownHosts, client, service);
      return (
        known &&
        `${caller.name} knows ${listOf(known.hosts)} only, at ${shortPath(known.path)}, which hides ${workload.name}: ` +
          `its proxy would send no identity; add ${service.namespace}/${service.host} there`
      );
    }),
  };
}
