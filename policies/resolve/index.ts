import type { PolicyModel } from "../model";
import { Problems } from "../problems";
import { Directory } from "./directory";
import { checkIdentities } from "./identities";
import type { ResolvedModel } from "./resolved";
import {
  defaultDenyNamespaces,
  resolveAccessRules,
  resolveExternalRules,
  resolveMtlsExceptions,
  resolveTokenRules,
  targetOf,
} from "./security";
import { resolveEgress } from "./egress";
import { resolveServices } from "./services";

/**
 * Looks up every name of a model, the same for every data plane. That the names are there has been checked with the
 * settings; what is checked here is what they mean together.
 *
 * @throws PolicyError with all problems of the model.
 */
export function resolve(model: PolicyModel): ResolvedModel {
  const problems = new Problems();
  const directory = new Directory(model);
  const accessRules = resolveAccessRules(model, directory, problems);
  const tokenRules = resolveTokenRules(model, directory);
  const egress = resolveEgress(model, directory, problems);
  const mtlsExceptions = resolveMtlsExceptions(model, directory, problems);
  checkIdentities(accessRules, tokenRules, mtlsExceptions, model.mtls, problems);
  problems.throwIfAny();
  return {
    services: resolveServices(model, directory),
    targets: model.workloads.map((workload) => targetOf(workload, directory)),
    accessRules,
    externalRules: resolveExternalRules(model, directory),
    tokenRules,
    dryRun: model.security.authorization?.dryRun ?? false,
    defaultDenyNamespaces: defaultDenyNamespaces(model),
    mtlsExceptions,
    egress,
    mtls: model.mtls,
    trustDomain: model.trustDomain,
    rootNamespace: model.rootNamespace,
    gateways: model.gateways,
    waypoints: model.waypoints,
    dataPlanes: model.dataPlanes,
    accessLog: model.accessLog,
    sidecarScoping: model.sidecarScoping,
  };
}
