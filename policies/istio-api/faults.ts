import type { HttpRuleSettings } from "../../components/settings/sections/traffic";
import type { HttpFault } from "./istio-object";

type FaultSettings = NonNullable<HttpRuleSettings["fault"]>;

/**
 * One entry for every kind of fault. Istio wants the share inside the fault, as `{value}`: beside it, it is dropped
 * and the fault hits every request.
 *
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPFaultInjection
 */
const kinds: { readonly [Kind in keyof FaultSettings]-?: (fault: NonNullable<FaultSettings[Kind]>) => HttpFault } = {
  delay: ({ fixedDelay, percentage }) => ({ delay: { fixedDelay, percentage: { value: percentage } } }),
  abort: ({ percentage, ...status }) => ({ abort: { ...status, percentage: { value: percentage } } }),
};

/** Faults of a rule in Istio's API. */
export function compileFaults(faults: FaultSettings): HttpFault {
  return {
    ...(faults.delay && kinds.delay(faults.delay)),
    ...(faults.abort && kinds.abort(faults.abort)),
  };
}
