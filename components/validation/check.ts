import { deployedApplications } from "../apps/registry";
import type { Model } from "../model/model";
import type { Names } from "../model/names";
import { listOf, suggestion } from "../settings/wording";
import type { Problem, SettingPath } from "../shared/problem";
import { rootNamespace } from "../shared/istio";
import type { Workload } from "../shared/workload";

/** What is known of a stack besides its settings. */
export interface CheckContext {
  /** Names under `talos-mesh:secrets`. */
  readonly secretNames: ReadonlySet<string>;
  /** Values of secrets by name, where they are known: never part of a message. */
  readonly secretTexts: ReadonlyMap<string, string>;
  /** Folder that relative paths start from: that of Pulumi.yaml. */
  readonly projectRoot: string;
  /** Whether the program deploys: then files outside of the project are read too. */
  readonly deploys: boolean;
}

/**
 * A check yields the problems that it finds. It reads the model as if all of it were valid: reading a part that is not
 * ends the check (components/shared/unknown.ts), so checks are small, and lists are read with `checkEach`.
 */
export type Check = (model: Model, context: CheckContext) => Iterable<Problem>;

/**
 * Refuses a namespace that belongs to Kubernetes or to the mesh: in istio-system, Istio's root namespace, a rule would
 * hold for the whole mesh.
 *
 * @param creates whether this program creates the namespace, which it cannot with `default`
 */
export function* systemNamespace(path: SettingPath, name: string, creates: boolean): Iterable<Problem> {
  const ofTheSystem = name === rootNamespace || name.startsWith("kube-") || (creates && name === "default");
  if (ofTheSystem) yield { path, message: `found ${name}, which belongs to the system; expected one of your own` };
}

export interface NamedWorkload {
  /** Where the workload's name is, and where its namespace is or would be. */
  readonly path: SettingPath;
  readonly namespacePath: SettingPath;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** Keys of the applications that this program deploys. */
const deployedKeys = deployedApplications.map(({ name }) => `talos-mesh:${name}`).join(", ");

/** The workload that a setting names, or the problem with the name. */
export function findWorkload(names: Names, named: NamedWorkload): Workload | Problem {
  const { path, namespacePath, name } = named;
  const namespace = named.namespace ?? names.defaultNamespace;
  if (namespace === undefined) {
    return { path: namespacePath, message: `missing; only a stack with ${deployedKeys} has a default namespace` };
  }
  const found = names.findWorkload(namespace, name);
  if (found) return found;
  const known = names.workloadNames(namespace);
  if (known.length === 0) {
    return {
      path: named.namespace === undefined ? path : namespacePath,
      message: `found ${namespace}; ${deployedKeys} and applications have no workload in it (namespaces: ${listOf(names.workloadNamespaces())})`,
    };
  }
  return { path, message: `found ${name}; no such workload in namespace ${namespace}; ${suggestion(name, known)}` };
}

export function isProblem(found: Workload | Problem): found is Problem {
  return "message" in found;
}
