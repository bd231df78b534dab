import type { Problem, SettingPath } from "../../shared/problem";
import { listOf, suggestion } from "../../settings/suggest";
import type { Workloads } from "../../model/workloads";
import type { Workload } from "../../shared/workload";

export interface Named {
  /** Where the workload's name stands, and where its namespace stands or would stand. */
  readonly path: SettingPath;
  readonly namespacePath: SettingPath;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** The workload a setting names, or the problem with the name. */
export function resolve(workloads: Workloads, named: Named): Workload | Problem {
  const { path, namespacePath, name } = named;
  const namespace = named.namespace ?? workloads.defaultNamespace;
  if (namespace === undefined) {
    return { path: namespacePath, message: "missing; only a stack with talos-mesh:bookinfo has a default namespace" };
  }
  const found = workloads.find(namespace, name);
  if (found) return found;
  const known = workloads.names(namespace);
  if (known.length === 0) {
    return {
      path: named.namespace === undefined ? path : namespacePath,
      message: `found ${namespace}; no workload of talos-mesh:bookinfo or applications is there (namespaces: ${listOf(workloads.namespaces())})`,
    };
  }
  return { path, message: `found ${name}; no such workload in namespace ${namespace}; ${suggestion(name, known)}` };
}

export function isProblem(resolved: Workload | Problem): resolved is Problem {
  return "message" in resolved;
}
