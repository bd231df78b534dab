import { rootNamespace } from "../../../components/shared/istio";
import { asTree, type Tree, treesIn } from "../../../components/shared/merge";
import { injectedNamespace, object, outsideDev, type StackGuardrail } from "../guardrail";
import { meshNamespacesIn, objectsIn, podLabelsIn, podSpecIn, selects, stringsIn, valueAt } from "../resources";

const sidecar = (hosts: readonly string[]) =>
  object({
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name: "default", namespace: "bookinfo" },
    spec: { egress: [{ hosts }] },
  });

export const sidecarScope: StackGuardrail = {
  id: "sidecar-scope",
  title: "Every namespace with sidecars is scoped",
  why: "Without a Sidecar, each proxy gets the configuration of the whole mesh: memory, slow updates, and names that it need not know.",
  severity: outsideDev,
  sees: "Namespaces that the stack labels for sidecars, or whose pods it does; their Sidecars, and those of the root namespace; where Sidecars select pods, the pods that the stack deploys.",
  scope: "stack",
  *check(resources) {
    const sidecars = objectsIn(resources, "Sidecar").filter(({ spec }) => isScoped(spec));
    const covers = (one: string) =>
      sidecars.some(({ namespace, spec }) => namespace === one && spec.workloadSelector === undefined);
    const remedy = "set talos-mesh:mesh.sidecarScoping, or add a Sidecar that names what it reaches";
    for (const { name: here, dataPlane, resource } of meshNamespacesIn(resources)) {
      if (dataPlane !== "sidecar" || covers(here) || covers(rootNamespace)) continue;
      const selectors = sidecars
        .filter(({ namespace }) => namespace === here)
        .map(({ spec }) => asTree(valueAt(spec, "workloadSelector.labels")));
      if (selectors.length === 0) {
        yield { resource, message: `namespace ${here} has no Sidecar that names hosts; ${remedy}` };
        continue;
      }
      for (const workload of objectsIn(resources).filter((one) => one.namespace === here && podSpecIn(one))) {
        const labels = podLabelsIn(workload);
        if (selectors.some((selector) => selects(selector, labels))) continue;
        yield { resource: workload, message: `its pods are selected by no Sidecar; ${remedy}` };
      }
    }
  },
  passing: { resources: [injectedNamespace, sidecar(["./*", "istio-system/*"])] },
  failing: { resources: [injectedNamespace, sidecar(["*/*"])] },
};

function isScoped(spec: Tree): boolean {
  const hosts = treesIn(spec.egress).flatMap((listener) => stringsIn(listener.hosts));
  return hosts.length > 0 && !hosts.includes("*/*");
}
