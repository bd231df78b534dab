import { rootNamespace } from "../../../components/shared/istio";
import { asTree } from "../../../components/shared/merge";
import { object, outsideDev, release, type StackGuardrail } from "../guardrail";
import { objectsIn, releasesIn, stringIn } from "../resources";

const peers = (mode: string) =>
  object({
    apiVersion: "security.istio.io/v1",
    kind: "PeerAuthentication",
    metadata: { name: "default", namespace: rootNamespace },
    spec: { mtls: { mode } },
  });

const istiod = release("istiod", rootNamespace, {});

export const mtlsStrict: StackGuardrail = {
  id: "mtls-strict",
  title: "Workloads accept mutual TLS only",
  why: "Where plain text is accepted, a caller has no identity, and anyone on the network can read along.",
  severity: outsideDev,
  sees: "PeerAuthentications of the stack. One for the whole mesh must exist in a stack that installs istiod.",
  scope: "stack",
  *check(resources) {
    const all = objectsIn(resources, "PeerAuthentication");
    for (const resource of all) {
      const ports = Object.entries(asTree(resource.spec.portLevelMtls)).map(
        ([port, given]) => [` on port ${port}`, stringIn(given, "mode")] as const,
      );
      const modes = [["", stringIn(resource.spec, "mtls.mode")] as const, ...ports];
      for (const [where, mode] of modes) {
        if (mode !== "PERMISSIVE" && mode !== "DISABLE") continue;
        const remedy =
          "set STRICT once no caller needs plain text (npm run policies -- plaintext), or except it until then";
        yield { resource, message: `is ${mode}${where}, which accepts plain text; ${remedy}` };
      }
    }
    const ofMesh = all.some(
      ({ namespace, spec }) =>
        namespace === rootNamespace && spec.selector === undefined && stringIn(spec, "mtls.mode") === "STRICT",
    );
    for (const resource of ofMesh ? [] : releasesIn(resources, "istiod")) {
      yield {
        resource,
        message: "no PeerAuthentication of the whole mesh is STRICT; set talos-mesh:mesh.mtls: STRICT",
      };
    }
  },
  passing: { resources: [istiod, peers("STRICT")] },
  failing: { resources: [istiod, peers("PERMISSIVE")] },
};
