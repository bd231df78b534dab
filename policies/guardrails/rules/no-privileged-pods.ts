import { isSystemNamespace } from "../../../components/shared/istio";
import { treesIn, type Tree } from "../../../components/shared/merge";
import { own } from "../../../components/shared/own";
import { deployment, outsideDev, type ResourceGuardrail } from "../guardrail";
import { containersIn, objectIn, podSpecIn, stringsIn, valueAt } from "../resources";

const pod = (securityContext: Tree) => deployment({ image: "details:1.20.3", securityContext });

/** Node agents of the data plane, by namespace and name. */
const nodeAgents: ReadonlySet<string> = new Set(["istio-system/istio-cni-node", "istio-system/ztunnel"]);

/** What Pod Security's level baseline allows to add. */
const baselineCapabilities: ReadonlySet<string> = new Set([
  ...["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"],
  ...["NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"],
]);

export const noPrivilegedPods: ResourceGuardrail = {
  id: "no-privileged-pods",
  title: "Only istio-cni and ztunnel are privileged",
  why: "A privileged pod is root on its node, past every policy of the mesh.",
  severity: outsideDev,
  sees: "Pods of the stack's objects, by what Pod Security calls baseline; of releases, the level of the namespace in which their pods run: only `istio-system` may be privileged, where istio-cni and ztunnel are.",
  scope: "resource",
  *check(resource) {
    const found = objectIn(resource);
    if (!found) return;
    const level = own(found.labels, "pod-security.kubernetes.io/enforce");
    if (found.kind === "Namespace" && level === "privileged" && !isSystemNamespace(found.objectName)) {
      yield "admits privileged pods; set pod-security.kubernetes.io/enforce: baseline, or except it with the reason why its pods need the node";
    }
    const spec = podSpecIn(found);
    if (!spec || nodeAgents.has(`${found.namespace}/${found.objectName}`)) return;
    const remedy = "remove it";
    for (const field of ["hostNetwork", "hostPID", "hostIPC"]) {
      if (own(spec, field) === true) yield `pods have ${field}; ${remedy}`;
    }
    for (const volume of treesIn(spec.volumes)) {
      if (volume.hostPath !== undefined)
        yield `volume ${String(volume.name)} is a folder of the node; use another kind of volume`;
    }
    for (const { name, props } of containersIn(resource)) {
      if (valueAt(props, "securityContext.privileged") === true) yield `container ${name} is privileged; ${remedy}`;
      const added = stringsIn(valueAt(props, "securityContext.capabilities.add")).filter(
        (capability) => !baselineCapabilities.has(capability),
      );
      if (added.length > 0) yield `container ${name} adds ${added.join(", ")}; ${remedy}`;
    }
  },
  passing: { resources: [pod({ allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } })] },
  failing: { resources: [pod({ privileged: true })] },
};
