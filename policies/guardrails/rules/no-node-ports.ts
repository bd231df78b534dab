import { asTree, type Tree, treesIn } from "../../../components/shared/merge";
import { own } from "../../../components/shared/own";
import { inProduction, object, release, type ResourceGuardrail } from "../guardrail";
import { objectIn, releaseIn, yamlIn } from "../resources";

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
  sees: "Services of the stack, and the Services of releases and of Gateways by their values and parameters.",
  scope: "resource",
  *check(resource) {
    const found = objectIn(resource);
    if (found?.kind === "Service" && found.apiGroup === "" && found.spec.type === "NodePort") {
      yield "is of type NodePort; set ClusterIP, and expose it by a gateway";
    }
    if (found?.kind === "Gateway" && own(found.annotations, "networking.istio.io/service-type") === "NodePort") {
      yield `Kubernetes chooses its node ports; ${declare}`;
    }
    // Parameters of a Gateway that istiod deploys.
    if (found?.kind === "ConfigMap") {
      yield* chosenPorts(asTree(asTree(yamlIn(own(asTree(found.props.data), "service"))).spec));
    }
    const installed = releaseIn(resource);
    if (installed?.chart === "gateway") yield* chosenPorts(asTree(installed.values.service));
    else if (installed) {
      for (const path of nodePortServices(installed.values)) {
        yield `${path} is NodePort; set ClusterIP, and expose it by a gateway`;
      }
    }
  },
  passing: { resources: [gateway({ nodePort: 30443 })] },
  failing: { resources: [service, gateway({})] },
};

const declare = "declare them (talos-mesh:gateways.<name>.ports, nodePort)";

function* chosenPorts({ type, ports }: Tree): Iterable<string> {
  if (type !== "NodePort") return;
  const all = treesIn(ports);
  const chosen = all.filter(({ nodePort }) => nodePort === undefined).map(({ name, port }) => String(name ?? port));
  if (all.length === 0) yield `Kubernetes chooses its node ports; ${declare}`;
  if (chosen.length > 0) yield `Kubernetes chooses the node ports of ${chosen.join(", ")}; ${declare}`;
}

function nodePortServices(values: Tree, at = "values"): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const path = `${at}.${key}`;
    const here = /service$/i.test(key) && asTree(value).type === "NodePort" ? [`${path}.type`] : [];
    return [...here, ...nodePortServices(asTree(value), path)];
  });
}
