import { targetPolicyName } from "../../components/model/object-names";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type IstioSpecs, istioObject } from "../api-objects";
import { selector } from "../attachment";

/**
 * A `ProxyConfig` for each target, which istiod reads when it injects a sidecar.
 *
 * https://istio.io/latest/docs/reference/config/networking/proxy-config/
 */
export function proxyConfigs(model: PolicyModel): KubernetesObject<IstioSpecs["ProxyConfig"]>[] {
  return model.proxyConfigs.map(({ path: from, target, settings }) => {
    const [selected] = target.kind === "workload" ? target.workloads : [];
    const { workload, ...spec } = settings;
    void workload; // the target
    return istioObject(
      "ProxyConfig",
      { namespace: target.namespace, name: targetPolicyName(target, "proxy"), from },
      { ...(selected && selector(selected.labels)), ...spec },
    );
  });
}
