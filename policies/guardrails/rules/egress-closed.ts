import { rootNamespace } from "../../../components/shared/istio";
import { object, outsideDev, release, type StackGuardrail } from "../guardrail";
import { isOpenHost, objectsIn, releasesIn, stringIn, stringsIn, valueAt } from "../resources";

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
  sees: "istiod's mesh config, Sidecars, ServiceEntries, and where ztunnel is deployed, which does not read the mesh config, NetworkPolicies of the stack. Whether the CNI enforces these is not seen.",
  scope: "stack",
  *check(resources) {
    const isAmbient = releasesIn(resources, "ztunnel").length > 0;
    const isRestricted = objectsIn(resources, "NetworkPolicy").some(({ spec }) =>
      stringsIn(valueAt(spec, "policyTypes")).includes("Egress"),
    );
    for (const resource of releasesIn(resources, "istiod")) {
      const mode = valueAt(resource.values, "meshConfig.outboundTrafficPolicy.mode");
      if (mode === "REGISTRY_ONLY" || (isAmbient && isRestricted)) continue;
      const found = `outboundTrafficPolicy is ${typeof mode === "string" ? mode : "not set, and ALLOW_ANY by default"}`;
      const advice = isAmbient
        ? "ztunnel passes every connection on: set talos-mesh:security.egress, which closes it by NetworkPolicies"
        : "set talos-mesh:mesh.outboundTrafficPolicy: REGISTRY_ONLY";
      yield { resource, message: `${found}; ${advice}` };
    }
    for (const resource of objectsIn(resources, "Sidecar")) {
      if (stringIn(resource.spec, "outboundTrafficPolicy.mode") !== "ALLOW_ANY") continue;
      yield { resource, message: "outboundTrafficPolicy is ALLOW_ANY; remove it, and describe what its pods reach" };
    }
    for (const resource of objectsIn(resources, "ServiceEntry")) {
      const open = stringsIn(resource.spec.hosts).find(isOpenHost);
      const everywhere = stringsIn(resource.spec.addresses).find((block) => /\/0$/.test(block));
      const found = open ?? everywhere;
      if (found !== undefined)
        yield { resource, message: `registers ${found}, which is everything; name the hosts that are needed` };
    }
  },
  passing: { resources: [istiod("REGISTRY_ONLY"), entry("api.payments.example.com")] },
  failing: { resources: [istiod("ALLOW_ANY"), entry("*.com")] },
};
