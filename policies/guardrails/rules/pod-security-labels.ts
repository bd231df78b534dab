import { own } from "../../../components/shared/own";
import { object, outsideDev, type ResourceGuardrail } from "../guardrail";
import { objectIn } from "../resources";

const namespace = (labels: Readonly<Record<string, string>>) =>
  object({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels } });

const label = "pod-security.kubernetes.io/enforce";

export const podSecurityLabels: ResourceGuardrail = {
  id: "pod-security-labels",
  title: "Every namespace has a level of Pod Security",
  why: "Without a label the default of the cluster holds: baseline on Talos, privileged on most others.",
  severity: outsideDev,
  sees: "Namespaces that the stack creates or labels; not those of others, such as `kube-system`.",
  scope: "resource",
  *check(resource) {
    const found = objectIn(resource);
    if (found?.kind !== "Namespace") return;
    const level = own(found.labels, label);
    if (level === undefined) yield `has no label ${label}; set it to baseline or restricted`;
    else if (typeof level === "string" && !["privileged", "baseline", "restricted"].includes(level)) {
      yield `label ${label} is ${level}, which is no level; set it to baseline or restricted`;
    }
  },
  passing: { resources: [namespace({ [label]: "baseline" })] },
  failing: { resources: [namespace({ "istio-injection": "enabled" })] },
};
