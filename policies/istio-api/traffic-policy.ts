import type { TrafficPolicySettings } from "../../components/settings/sections/traffic-policy";
import type { IstioSpecs } from "../api-objects";

/**
 * The settings are Istio's fields; tests/policies/misspelt-fields.ts proves that Istio has each.
 *
 * A proxy that speaks TLS for a workload names the host, by which the server chooses its certificate. With a name of the
 * server, istiod checks the certificate's name only where that is given too; without it, any host's certificate would do.
 * Source: istio/istio, pilot/pkg/networking/core/cluster_tls.go, setAutoSniAndAutoSanValidation.
 */
export function trafficPolicy(
  settings: TrafficPolicySettings | undefined,
  host: string,
  namesOfEntry?: readonly string[],
): Pick<IstioSpecs["DestinationRule"], "trafficPolicy"> {
  if (!settings || Object.keys(settings).length === 0) return {};
  const named = <Policy extends Pick<TrafficPolicySettings, "tls">>(policy: Policy): Policy => {
    if (policy.tls?.mode !== "SIMPLE" && policy.tls?.mode !== "MUTUAL") return policy;
    const { mode, sni = host.startsWith("*") ? undefined : host, ...details } = policy.tls;
    if (sni === undefined) return policy;
    const isChecked = namesOfEntry ?? details.subjectAltNames ?? details.insecureSkipVerify;
    return { ...policy, tls: { mode, sni, ...(!isChecked && { subjectAltNames: [sni] }), ...details } };
  };
  const { portLevelSettings } = settings;
  return {
    trafficPolicy: {
      ...named(settings),
      ...(portLevelSettings && { portLevelSettings: portLevelSettings.map(named) }),
    },
  };
}
