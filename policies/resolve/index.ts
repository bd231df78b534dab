import type { PolicyModel } from "../model";
import { Problems } from "../problems";
import { Directory } from "./directory";
import type { ResolvedModel } from "./resolved";
import { checkMtlsExceptions, checkSecurityBuilt, defaultDenyNamespaces, resolveAccessRules } from "./security";
import { resolveServices } from "./services";

/**
 * Looks up every name of a model, the same for every data plane.
 *
 * @throws PolicyError with all problems of the model: names that are not there, and rules that contradict each other.
 */
export function resolve(model: PolicyModel): ResolvedModel {
  const problems = new Problems();
  const directory = new Directory(model);
  const services = resolveServices(model, directory, problems);
  const accessRules = resolveAccessRules(model, directory, problems);
  checkMtlsExceptions(model, directory, problems);
  checkSecurityBuilt(model, problems);
  problems.throwIfAny();
  return {
    services,
    accessRules,
    defaultDenyNamespaces: defaultDenyNamespaces(model),
    mtlsExceptions: model.security.peerAuthentication,
    mtls: model.mtls,
    trustDomain: model.trustDomain,
    rootNamespace: model.rootNamespace,
    gateways: model.gateways,
  };
}
