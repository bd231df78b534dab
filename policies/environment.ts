import { gatewayWorkloads } from "../components/model/gateways";
import type { Settings } from "../components/settings/schema";
import { bookinfoWorkloads } from "../components/model/workloads";
import { policyModel, type PolicyModel } from "./model";

/** The policies of an environment, with the workloads and gateways that its own layers deploy. */
export function environmentModel(settings: Settings): PolicyModel {
  const workloads = settings.bookinfo ? bookinfoWorkloads(settings.bookinfo) : [];
  return policyModel({ ...settings, workloads, gateways: gatewayWorkloads(settings.gateways) });
}
