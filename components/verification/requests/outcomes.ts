import { workloadKey } from "../../model/names";
import type { PolicyModel, RouteTarget, Subset } from "../../model/policies/policy-model";
import { RouteTargets } from "../../model/policies/route-targets";
import { policyObjects } from "../../../policies/compile";
import { settingOf } from "../../../policies/api-objects";
import { type NamedDestination, routeEntries } from "../../../policies/destinations";
import type { DestinationSettings } from "../../settings/sections/http-rule";
import { grouped } from "../../shared/grouped";
import type { KubernetesObject } from "../../shared/kubernetes/object";
import { formatPath, type SettingPath } from "../../shared/problem";
import { throwUnknown } from "../../shared/unknown";
import type { Expectation, Outcome } from "../probe";
import { type Entry, type EntryRule, titleOf } from "./entries";
import { type Asked, takes } from "./find";

/** An outcome of a part of the requests that a rule takes. */
export interface Part {
  readonly outcome: Outcome;
  /** 0 to 1. */
  readonly share: number;
}

/** What the settings make of a request that a rule takes, or that no rule takes. */
export function partsOf(model: PolicyModel, taken: EntryRule | undefined, asked: Asked): Part[] {
  if (!taken) return all(noRoute);
  const { redirect, directResponse } = taken.rule;
  if (redirect) {
    const { redirectCode = 301 } = redirect;
    const headers = { location: true };
    return all({ title: `a redirect (${redirectCode})`, answers: ["rule"], status: [redirectCode], headers });
  }
  if (directResponse) {
    return all({ title: `its answer ${directResponse.status}`, answers: ["rule"], status: [directResponse.status] });
  }
  const sent = partsBehind(model, taken, asked);
  const parts = [...sent.map((part) => ({ ...part, share: part.share * (1 - abortShare(taken)) })), ...aborted(taken)];
  return parts.filter(({ share }) => share > 0);
}

/** What becomes of a request that a rule sends on: behind a gateway, rules of a waypoint may decide again. */
function partsBehind(model: PolicyModel, taken: EntryRule, asked: Asked): Part[] {
  const { service } = taken;
  const { outcome } = asked.explanation;
  const ofMesh = service.meshRules.map((rule, index) => ({ rule, path: [...service.meshPath, index], service }));
  const next = ofMesh.find(({ path }) => path.join() !== taken.path.join() && takes(asked.explanation, path));
  if (next ?? outcome === "no route") return partsOf(model, next, asked);
  const refusing = outcome === "denied";
  return destinationsOf(model, taken).map(({ target, subset, share }) => {
    const reached = reachedBy(model, target, subset);
    return { share, outcome: refusing ? refusedBy(reached) : reached };
  });
}

/** Where a rule sends requests; parts of a share add up to 1. */
export function destinationsOf(model: PolicyModel, { rule: { route }, service }: EntryRule) {
  const targets = RouteTargets.of(model);
  const named = route ? routeEntries(route, service).filter(({ weight = 100 }) => weight > 0) : [{}];
  const total = named.reduce((sum, { weight = 100 }) => sum + weight, 0);
  return named.map((one: NamedDestination & Pick<DestinationSettings, "weight" | "headers">) => {
    const target = targets.find(service, one) ?? throwUnknown();
    const subset = target.subsets.find(({ name }) => name === one.subset);
    return { target, subset, headers: one.headers, share: (one.weight ?? 100) / total };
  });
}

const noRoute: Outcome = { title: "404: no rule matches", answers: ["no route"], status: [404] };

function all(outcome: Outcome): Part[] {
  return [{ outcome, share: 1 }];
}

/** An answer of the application, from a pod of the version. */
export function reachedBy({ names }: PolicyModel, target: RouteTarget, subset: Subset | undefined): Outcome {
  if (target.host !== undefined) return { title: target.host, answers: ["application"] };
  const version = subset?.labels.version;
  const title = titleOf(target, names.defaultNamespace);
  return {
    title: version === undefined ? title : `${title} ${version}`,
    answers: ["application"],
    workload: workloadKey(target),
    ...(version !== undefined && { version }),
  };
}

/** The gateway has sent it there; there, rules refuse it, which is not what is proved. */
function refusedBy(reached: Outcome): Outcome {
  return { ...reached, answers: ["application", "denied", "token refused"] };
}

function abortShare({ rule: { fault } }: EntryRule): number {
  return (fault?.abort?.percentage ?? 0) / 100;
}

/** Source of HTTP statuses of gRPC faults: Envoy answers 200 with the status of gRPC in a header. */
function aborted({ rule: { fault } }: EntryRule): Part[] {
  const { abort } = fault ?? {};
  if (!abort || abort.percentage === 0) return [];
  const { httpStatus, grpcStatus, percentage } = abort;
  const status = httpStatus === undefined ? {} : { status: [httpStatus] };
  const title = `an injected ${httpStatus ?? grpcStatus}`;
  return [{ share: percentage / 100, outcome: { title, answers: ["fault"], ...status } }];
}

/** That each request has one of the outcomes, whatever the shares. */
export function oneOf(parts: readonly Part[]): Expectation {
  const [only, ...others] = parts;
  if (only && others.length === 0) return { kind: "every", outcome: only.outcome };
  return { kind: "some", outcomes: parts.map(({ outcome }) => ({ outcome, atLeast: 0 })) };
}

/** Whether the records of proxies distinguish the outcomes. */
export function areDistinct(parts: readonly Part[]): boolean {
  return parts.every(({ outcome }, index) =>
    parts.every((other, at) => at === index || !mayBeSame(outcome, other.outcome)),
  );
}

function mayBeSame(a: Outcome, b: Outcome): boolean {
  const differ = <Value>(one: Value | undefined, other: Value | undefined) =>
    one !== undefined && other !== undefined && JSON.stringify(one) !== JSON.stringify(other);
  return !(
    differ(a.answers, b.answers) ||
    differ(a.status, b.status) ||
    differ(a.workload, b.workload) ||
    differ(a.version, b.version)
  );
}

/** The share of a request's outcomes that cannot be distinguished from one of some others. */
export function shareLike(parts: readonly Part[], others: readonly Part[]): number {
  const alike = parts.filter(({ outcome }) => others.some((one) => mayBeSame(outcome, one.outcome)));
  return alike.reduce((sum, { share }) => sum + share, 0);
}

/** As many requests that a share of them has all of them, or none of them, once in a million runs. */
export function enoughFor(share: number): number {
  if (share <= 0) return 3;
  return Math.max(3, Math.ceil(Math.log(1e-6) / Math.log(share)));
}

/**
 * Requests of a control that must not see what happens to a share of other requests: so many that one of them would, except
 * for a share below 1.4%, of which a thousand do not show that.
 */
export function controlCount(share: number): number {
  return Math.min(1000, enoughFor(1 - share));
}

export function percent(share: number): string {
  return `${Number((share * 100).toFixed(4))}%`;
}

export function titlesOf(parts: readonly Part[]): string {
  return parts.map(({ outcome }) => outcome.title).join(" or ");
}

/** The objects of a rule: its routes, the Gateway before it, and what makes pods of versions its subsets. */
export function objectsOf(model: PolicyModel, { from, exposed }: Entry, taken: EntryRule): readonly string[] {
  const subsets = destinationsOf(model, taken).filter(({ subset }) => subset !== undefined);
  const services = subsets.flatMap(({ target }) =>
    model.services.filter((one) => workloadKey(one) === workloadKey(target)),
  );
  return [
    ...objectsFor(model, from, ["VirtualService", "HTTPRoute"]),
    ...(exposed ? objectsFor(model, ["gateways", exposed.gateway.name], ["Gateway"]) : []),
    ...new Set(services.flatMap(({ paths: [path = []] }) => objectsFor(model, path, ["DestinationRule"]))),
  ];
}

/** Objects of some kinds that are created for a setting, as `Kind namespace/name`. */
export function objectsFor(model: PolicyModel, setting: SettingPath, kinds: readonly string[]): readonly string[] {
  const bySetting = objectsOfModel.get(model) ?? objectsBySetting(model);
  objectsOfModel.set(model, bySetting);
  return (bySetting.get(formatPath(setting)) ?? [])
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ kind, metadata: { namespace = "", name } }) => `${kind} ${namespace}/${name}`);
}

const objectsOfModel = new WeakMap<PolicyModel, ReadonlyMap<string, readonly KubernetesObject[]>>();

function objectsBySetting(model: PolicyModel): ReadonlyMap<string, readonly KubernetesObject[]> {
  const groups = grouped(policyObjects(model), (object) => formatPath(settingOf(object)));
  return new Map(groups.map(([first, all]) => [formatPath(settingOf(first)), all]));
}
