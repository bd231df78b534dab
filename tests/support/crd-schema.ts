import { formatPath } from "../../components/shared/problem";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { isBuiltIn, objectProblems } from "../../components/validation/objects";

const nameForm = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Checks custom resources against the CRDs of the pinned Istio and Gateway API, as raw objects are checked. */
export class CrdSchemas {
  /** What is wrong with an object, one line each; empty where the API server would take and keep all of it. */
  problems(object: KubernetesObject): string[] {
    if (isBuiltIn(object)) return [];
    const { name, namespace = "" } = object.metadata;
    return [
      ...(nameForm.test(name) && name.length <= 253 && namespace.length <= 63 ? [] : [`name ${name} of ${namespace}`]),
      ...Object.keys(object)
        .filter((key) => !["apiVersion", "kind", "metadata", "spec"].includes(key))
        .map((key) => `unknown key ${key}`),
      ...[...objectProblems({ ...object, spec: object.spec ?? {} } as never, [])].map(
        ({ path, message }) => `${formatPath(path)}: ${message}`,
      ),
    ];
  }
}
