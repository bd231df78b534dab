import { asTree, type Tree } from "../../../components/shared/merge";
import { deployment, outsideDev, type ResourceGuardrail } from "../guardrail";
import { containersIn, objectIn, valueAt } from "../resources";

const pod = (resources: Tree) => deployment({ image: "details:1.20.3", resources });

const needed = ["requests.cpu", "requests.memory", "limits.memory"] as const;

export const resourcesSet: ResourceGuardrail = {
  id: "resources-set",
  title: "Containers have requests, and a limit of memory",
  why: "Without requests a node is overcommitted, and without a limit of memory one pod can take it all. A limit of CPU is not asked for: it throttles a container on an idle node.",
  severity: outsideDev,
  sees: "Pods of the stack's objects; not those of releases, for which the defaults of their charts or their values hold, nor those of `kube-system`.",
  scope: "resource",
  *check(resource) {
    if (objectIn(resource)?.namespace === "kube-system") return;
    for (const { name, props } of containersIn(resource)) {
      const missing = needed.filter((path) => valueAt(asTree(props.resources), path) === undefined);
      if (missing.length === 0) continue;
      yield `container ${name} has no ${missing.join(", no ")}; set its resources, such as talos-mesh:bookinfo.resources`;
    }
  },
  passing: {
    resources: [pod({ requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } })],
  },
  failing: { resources: [pod({ requests: { cpu: "50m" } })] },
};
