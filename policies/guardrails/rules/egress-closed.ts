import { rootNamespace } from "../../../components/shared/istio";
import { object, outsideDev, release, type StackGuardrail } from "../guardrail";
import { objectsIn, releasesIn, stringIn, stringsIn, valueAt } from "../resources";

const istiod = (mode: string) => release("istiod", rootNamespace, { meshConfig: { outboundTrafficPolicy: { mode } } });

const entry = (host: string) =>
  object({
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "payments", namespace: "shop" },
    spec: { hosts: [host], location: "MESH_EXTERNAL", ports: [{ number: 443, name: "tls", protocol: "TLS" }] },
  });

export const egressClosed: StackGuardrail = {
  id: "egress-closed",
  title: "Nothing leaves the mesh that is not registered",
  why: "A workload that may reach any address can send data to any address.",
  severity: outsideDev,
  sees: "istiod's mesh config, Sidecars and ServiceEntries. Sidecars apply it; ztunnel does not, and a NetworkPolicy or an egress gateway is needed in the ambient data plane.",
  scope: "stack",
  *check(resources) {
    for (const resource of releasesIn(resources, "istiod")) {
      const mode = valueAt(resource.values, "meshConfig.outboundTrafficPolicy.mode");
      if (mode === "REGISTRY_ONLY") continue;
      const found = `outboundTrafficPolicy is ${typeof mode === "string" ? mode : "not set, and ALLOW_ANY by default"}`;
      yield { resource, message: `${found}; set talos-mesh:mesh.outboundTrafficPolicy: REGISTRY_ONLY` };
    }
    for (const resource of objectsIn(resources, "Sidecar")) {
      if (stringIn(resource.spec, "outboundTrafficPolicy.mode") !== "ALLOW_ANY") continue;
      yield { resource, message: "outboundTrafficPolicy is ALLOW_ANY; remove it, and describe what its pods reach" };
    }
    for (const resource of objectsIn(resources, "ServiceEntry")) {
      const open = stringsIn(resource.spec.hosts).find((host) => /^\*(\.[^.]*)?$/.test(host));
      const everywhere = stringsIn(resource.spec.addresses).find((block) => /\/0$/.test(block));
      const found = open ?? everywhere;
      if (found !== undefined)
        yield { resource, message: `registers ${found}, which is everything; name the hosts that are needed` };
    }
  },
  passing: { resources: [istiod("REGISTRY_ONLY"), entry("api.payments.example.com")] },
  failing: { resources: [istiod("ALLOW_ANY"), entry("*.com")] },
};
