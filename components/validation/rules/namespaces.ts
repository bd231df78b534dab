import { rootNamespace } from "../../shared/istio";
import type { Problem, SettingPath } from "../../shared/problem";

/** Whose namespace it is: the program makes its own, and only finds those of `applications`. */
export type NamespaceOwner = "program" | "others";

/**
 * The problem of a namespace that belongs to Kubernetes or to the mesh itself. In istio-system, Istio's root namespace,
 * a rule would hold for the whole mesh. `default` is there before any program, so that none can make or remove it.
 */
export function* namespaceProblems(path: SettingPath, name: string, owner: NamespaceOwner): Iterable<Problem> {
  const ofTheSystem = name === rootNamespace || name.startsWith("kube-");
  if (!ofTheSystem && (owner === "others" || name !== "default")) return;
  yield { path, message: `found ${name}, which belongs to the system; expected one of your own` };
}
