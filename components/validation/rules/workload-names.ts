import type { Problem, SettingPath } from "../../shared/problem";
import { listOf, suggestion } from "../../settings/suggest";
import { Names } from "../../model/names";
import { settingsWorkloads } from "../../model/workloads";
import type { Settings } from "../../settings/schema";
import type { Workload } from "../../shared/workload";

export interface Named {
  /** Where the workload's name stands, and where its namespace stands or would stand. */
  readonly path: SettingPath;
  readonly namespacePath: SettingPath;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** The workloads of the settings by name. */
export function workloadsByName(settings: Pick<Settings, "bookinfo" | "applications">): Names {
  return new Names({
    defaultNamespace: settings.bookinfo?.namespace,
    workloads: settingsWorkloads(settings),
    gateways: [],
    waypoints: [],
    dataPlanes: {},
  });
}

/** The workload a setting names, or the problem with the name. */
export function resolve(workloads: Names, named: Named): Workload | Problem {
  const { path, namespacePath, name } = named;
  const namespace = named.namespace ?? workloads.defaultNamespace;
  if (namespace === undefined) {
    return { path: namespacePath, message: "missing; only a stack with talos-mesh:bookinfo has a default namespace" };
  }
  const found = workloads.findWorkload(namespace, name);
  if (found) return found;
  const known = workloads.workloadNames(namespace);
  if (known.length === 0) {
    return {
      path: named.namespace === undefined ? path : namespacePath,
      message: `found ${namespace}; no workload of talos-mesh:bookinfo or applications is there (namespaces: ${listOf(workloads.workloadNamespaces())})`,
    };
  }
  return { path, message: `found ${name}; no such workload in namespace ${namespace}; ${suggestion(name, known)}` };
}

export function isProblem(resolved: Workload | Problem): resolved is Problem {
  return "message" in resolved;
}
