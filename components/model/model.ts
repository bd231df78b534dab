import { type ClusterTraits, clusterTraits } from "../cluster/kinds";
import type { Settings } from "../settings/schema";
import { namedObjects, Names } from "./names";
import type { PolicyModel } from "./policies/policy-model";
import { policyModel } from "./policies/resolve";

/** What a stack file means: the settings, and everything that they name. */
export interface Model {
  readonly settings: Settings;
  readonly cluster: ClusterTraits;
  readonly names: Names;
  readonly policies: PolicyModel;
}

/** Builds the model. Parts of the settings may be unknown: then what depends on them is unknown in the model too. */
export function buildModel(settings: Settings): Model {
  const names = new Names(namedObjects(settings));
  return {
    settings,
    get cluster() {
      return clusterTraits(settings.cluster);
    },
    names,
    policies: policyModel(settings, names),
  };
}
