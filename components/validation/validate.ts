import path from "node:path";
import type { SharedCluster } from "../cluster/kinds/shared-cluster";
import { withSharedCluster } from "../model/layers";
import { buildModel, type Model } from "../model/model";
import { parseSections, sectionNames } from "../settings/parse";
import { formatPath, type Origin, type Place, type Problem, type SettingPath, SettingsError } from "../shared/problem";
import { knownFields, runChecks, throwUnknown } from "../shared/unknown";
import { benchmarkChecks } from "./benchmark";
import { certManagerChecks } from "./cert-manager";
import { certificateChecks } from "./certificates";
import { ciliumChecks } from "./cilium";
import type { Check, CheckContext } from "./check";
import { clusterChecks } from "./cluster";
import { connectionChecks } from "./connections";
import { dataPlaneChecks } from "./data-planes";
import { destinationChecks } from "./destinations";
import { gatewayChecks } from "./gateways";
import { loadBalancerChecks } from "./load-balancer";
import { layerChecks } from "./layers";
import { limitProblems, resourceChecks } from "./limits";
import { meshChecks } from "./mesh";
import { meshAuthorityChecks } from "./mesh-authority";
import { namespaceChecks } from "./namespaces";
import { objectNameChecks } from "./object-names";
import { objectChecks } from "./objects";
import { policyChecks } from "./policies";
import { observabilityChecks } from "./observability";
import { portChecks } from "./ports";
import { rawObjectChecks } from "./raw-objects";
import { secretChecks } from "./secrets";
import { securityChecks } from "./security";
import { httpRuleChecks } from "./http-rules";
import { storageChecks } from "./storage";
import { trafficChecks } from "./traffic";
import { trafficPolicyChecks } from "./traffic-policy";
import { verificationChecks } from "./verification";
import { versionChecks } from "./versions";
import { workloadChecks } from "./workloads";

const checks: readonly Check[] = [
  ...clusterChecks,
  ...layerChecks,
  ...versionChecks,
  ...meshChecks,
  ...dataPlaneChecks,
  ...gatewayChecks,
  ...loadBalancerChecks,
  ...ciliumChecks,
  ...certificateChecks,
  ...certManagerChecks,
  ...meshAuthorityChecks,
  ...namespaceChecks,
  ...workloadChecks,
  ...trafficChecks,
  ...trafficPolicyChecks,
  ...portChecks,
  ...connectionChecks,
  ...httpRuleChecks,
  ...destinationChecks,
  ...securityChecks,
  ...policyChecks,
  ...observabilityChecks,
  ...storageChecks,
  ...benchmarkChecks,
  ...verificationChecks,
  ...objectChecks,
  ...rawObjectChecks,
  ...secretChecks,
  ...resourceChecks,
];

/** What is known of a stack besides its sections. */
export interface ValidateOptions extends Origin {
  /** Names under `talos-mesh:secrets`; undefined where that section could not be read. */
  readonly secretNames: Iterable<string> | undefined;
  /** Values of secrets by name; checks that look into a secret need them. @default none is known */
  readonly secretTexts?: ReadonlyMap<string, string>;
  /** Problems found when the sections were read: their sections are not parsed again. */
  readonly problems?: readonly Problem[];
  /** Folder of Pulumi.yaml. @default this project's */
  readonly projectRoot?: string;
  readonly deploys?: boolean;
  /** Of a stack with `cluster.stackReference`. @default what needs it is not checked */
  readonly sharedCluster?: SharedCluster;
  /** Where a setting is in the stack file, or the innermost part around it that exists. */
  readonly placeOf?: (path: SettingPath) => Place | undefined;
}

/** Checks the sections of a stack, `{ cluster: {...}, mesh: {...}, ... }`, fills in defaults and builds the model. */
export function validate(sections: Readonly<Record<string, unknown>>, options: ValidateOptions): Model {
  const { secretNames, problems: given = [] } = options;
  const parsed = parseSections(sections, new Set(given.map(({ path }) => String(path[0]))));
  const model = buildModel(withSharedCluster(parsed.settings, options.sharedCluster));
  const context = knownFields<CheckContext>({
    environment: () => model.settings.environment,
    secretNames: () => (secretNames ? new Set(secretNames) : throwUnknown()),
    secretTexts: () => options.secretTexts ?? new Map(),
    projectRoot: () => options.projectRoot ?? path.resolve(__dirname, "../.."),
    deploys: () => options.deploys ?? false,
    sections: () => sections,
  });
  const schemaProblems = [...given, ...parsed.problems];
  const run = (all: readonly Check[]) => runChecks(...all.map((check) => () => check(model, context)));
  // What could not be read is not checked; its problem is not followed by another of the same place.
  const unread = new Set(schemaProblems.map(({ path: at }) => formatPath(at)));
  const found = [...run(checks)].filter(({ path: at }) => !unread.has(formatPath(at)));
  // A value that is wrong in itself also gives a wrong name.
  const ofNames = elsewhere([...schemaProblems, ...found], run(objectNameChecks));
  const problems = [...schemaProblems, ...found, ...ofNames];
  if (problems.length === 0) problems.push(...limitProblems(model));
  if (problems.length === 0) return model;
  throw new SettingsError(sorted(problems, options.placeOf), options, options.placeOf);
}

/** Those of `found` that are not at or below the path of an earlier problem. */
function elsewhere(earlier: readonly Problem[], found: Iterable<Problem>): Problem[] {
  const taken = new Set(earlier.map(({ path: at }) => formatPath(at)));
  return [...found].filter(({ path: at }) => !at.some((_, depth) => taken.has(formatPath(at.slice(0, depth + 1)))));
}

/** Each once, by place in the stack file; those without one after them, in the order of the schema and by path. */
function sorted(problems: readonly Problem[], placeOf: ValidateOptions["placeOf"] = () => undefined): Problem[] {
  const ordered = problems.map((problem) => {
    const { path, message } = problem;
    const place = placeOf(path);
    const position = place ? [0, place.file, place.line, place.column] : [1];
    // The empty key puts a path before the paths below it.
    const keys = [...position, [...sectionNames, path[0]].indexOf(path[0]), ...path, "", message];
    return { problem, keys };
  });
  ordered.sort((a, b) => compareKeys(a.keys, b.keys));
  const isFirst = ({ keys }: { keys: SettingPath }, index: number) =>
    compareKeys(keys, ordered[index - 1]?.keys ?? []) !== 0;
  return ordered.filter(isFirst).map(({ problem }) => problem);
}

/** By the first key that differs: numbers by value, everything else by code unit. */
function compareKeys(a: SettingPath, b: SettingPath): number {
  const index = a.findIndex((key, position) => key !== b[position]);
  const [one = "", other = ""] = [a[index], b[index]];
  if (typeof one === "number" && typeof other === "number") return one - other;
  return Number(String(one) > String(other)) - Number(String(one) < String(other));
}
