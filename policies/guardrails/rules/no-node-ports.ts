import { asTree, type Tree, treesIn } from "../../../components/shared/merge";
import { inProduction, object, release, type ResourceGuardrail } from "../guardrail";
import { objectIn, releaseIn, valueAt } from "../resources";

const gateway = (port: Tree) => {
  const ports = [{ name: "https", port: 443, ...port }];
  return release("gateway", "istio-ingress", { service: { type: "NodePort", ports } }, "istio-ingress");
};

const service = object({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "details", namespace: "bookinfo" },
  spec: { type: "NodePort", ports: [{ port: 9080, nodePort: 30000 }] },
});

export const noNodePorts: ResourceGuardrail = {
  id: "no-node-ports",
  title: "In production, only gateways have node ports, and these are declared",
  why: "A node port is open on every node, past the gateways. One that Kubernetes chooses cannot be in a firewall or in the load balancer before the nodes.",
  severity: inProduction,
  sees: "Services of the stack, and the Services of releases by their values.",
  scope: "resource",
  *check(resource) {
    const found = objectIn(resource);
    if (found?.kind === "Service" && found.apiGroup === "" && found.spec.type === "NodePort") {
      yield "is of type NodePort; set ClusterIP, and expose it by a gateway";
    }
    const installed = releaseIn(resource);
    if (!installed) return;
    if (installed.chart !== "gateway") {
      for (const path of nodePortServices(installed.values))
        yield `${path} is NodePort; set ClusterIP, and expose it by a gateway`;
    } else if (valueAt(installed.values, "service.type") === "NodePort") {
      const open = treesIn(valueAt(installed.values, "service.ports")).filter(({ nodePort }) => nodePort === undefined);
      for (const { name } of open) {
        yield `port ${String(name)} has a node port that Kubernetes chooses; declare it (talos-mesh:gateways.<name>.ports, nodePort)`;
      }
    }
  },
  passing: { resources: [gateway({ nodePort: 30443 })] },
  failing: { resources: [service, gateway({})] },
};

function nodePortServices(values: Tree, at = "values"): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const path = `${at}.${key}`;
    const own = /service$/i.test(key) && asTree(value).type === "NodePort" ? [`${path}.type`] : [];
    return [...own, ...nodePortServices(asTree(value), path)];
  });
}
