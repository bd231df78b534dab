import { covers, type MeshWorkload, workloadKey } from "../../model/names";
import type { AccessRule, MeshService } from "../../model/policies/policy-model";
import type { Match } from "../../model/matches";
import { type Explanation, explain, type Question } from "../../../policies/explain/explain";
import { milliseconds } from "../../shared/duration";
import { formatPath, type SettingPath } from "../../shared/problem";
import { openSeconds, type PlanContext, type ProbeClient, type ProbeRequest } from "../probe";
import { type Draft, drafts, safeMethods } from "./drafts";
import { type Entry, hostNames, targetsOf, titleOf } from "./entries";

/** A request, and what the settings say of it. */
export interface Asked {
  readonly client: ProbeClient;
  readonly clientTitle: string;
  readonly request: ProbeRequest;
  readonly question: Question;
  readonly explanation: Explanation;
  /** Whether a few requests at the same time are too many for a circuit breaker on the way. */
  readonly isLimited: boolean;
}

/** Or the reason why there is none. */
export type Found = { readonly asked: Asked } | { readonly reason: string };

export interface Wanted {
  /** Conditions that it has to meet. */
  readonly match?: Match | undefined;
  /** The rule that decides. */
  readonly taken?: SettingPath;
  /** One that does not decide. */
  readonly notTaken?: SettingPath;
}

/**
 * A request to an entry that rules allow, by the first client for which there is one. At a gateway, also one that the
 * workload behind it refuses: the gateway has routed it by then, and records where.
 */
export function findRequest(context: PlanContext, entry: Entry, wanted: Wanted): Found {
  const known = foundBefore.get(context) ?? new Map<string, Found>();
  foundBefore.set(context, known);
  const key = JSON.stringify([entry.title, entry.port, entry.rules.length, wanted]);
  const found = known.get(key) ?? searched(context, entry, wanted);
  known.set(key, found);
  return found;
}

/** Several kinds of probes are for the same rule. */
const foundBefore = new WeakMap<PlanContext, Map<string, Found>>();

function searched(context: PlanContext, entry: Entry, wanted: Wanted): Found {
  const { policies } = context.model;
  if (entry.exposed?.needsCertificate) {
    return { reason: `a client of ${entry.exposed.host} needs a certificate of the gateway's authority` };
  }
  let refused: Asked | undefined;
  let other: string | undefined;
  let hasDraft = false;
  const others = entry.rules.flatMap(({ rule: { match = [] } }) => match.map(({ withoutHeaders }) => withoutHeaders));
  const surroundings = { hosts: hostNames(entry.service), headersOfOthers: merged(others) };
  const clients = clientsOf(context, entry);
  for (const draft of drafts(context, targetsOf(policies, entry), wanted.match, surroundings)) {
    hasDraft = true;
    for (const client of clients) {
      const asked = ask(context, entry, draft, client, wanted.match?.port);
      const { outcome } = asked.explanation;
      if (!isWanted(asked.explanation, wanted)) {
        other ??= lastStep(asked);
        continue;
      }
      if (outcome === "passes" || outcome === "answered" || outcome === "no route") return { asked };
      refused ??= asked;
    }
  }
  if (refused && entry.exposed && refused.explanation.outcome === "denied") return { asked: refused };
  if (refused) return { reason: `no client of the mesh may: ${lastStep(refused)}` };
  if (!hasDraft) return { reason: `no request is known that it takes; only ${safeMethods.join(", ")} are sent` };
  return {
    reason: `none of the requests that were tried comes to it: ${other ?? "no client has a proxy that routes"}`,
  };
}

function merged(all: readonly Match["withoutHeaders"][]): NonNullable<Match["withoutHeaders"]> {
  return Object.fromEntries(all.flatMap((one) => Object.entries(one ?? {})));
}

function isWanted(explanation: Explanation, { taken, notTaken }: Wanted): boolean {
  return (taken === undefined || takes(explanation, taken)) && (!notTaken || !takes(explanation, notTaken));
}

/** Whether a rule decides on the request. */
export function takes({ applied }: Explanation, rule: SettingPath): boolean {
  return applied.some(({ path }) => formatPath(path) === formatPath(rule));
}

/** The title of a client, and how a question names it. */
interface Client {
  readonly client: ProbeClient;
  readonly from: string;
  readonly title: string;
}

/** Clients in the mesh: the callers that allow rules name first, the service itself last. */
function clientsOf({ model: { policies } }: PlanContext, entry: Entry): Client[] {
  const { names, workloads, accessRules } = policies;
  if (entry.exposed) return [{ client: { kind: "outside" }, from: entry.exposed.gateway.name, title: "outside" }];
  const targets = targetsOf(policies, entry);
  const rules = accessRules.filter(({ target }) => targets.some((one) => covers(target, one)));
  const callers = new Set(rules.flatMap(({ callers: named = [] }) => named.map(workloadKey)));
  const itself = workloadKey(entry.service);
  const rank = (key: string) => (key === itself ? 2 : callers.has(key) ? 0 : 1);
  const isAlike = likeness(rules, entry);
  const all = workloads.filter(({ dataPlane }) => dataPlane !== "none");
  return [...all]
    .sort((a, b) => rank(workloadKey(a)) - rank(workloadKey(b)))
    .filter(isAlike)
    .map(({ namespace, name }) => ({
      client: { kind: "workload", namespace, name },
      from: `${namespace}/${name}`,
      title: titleOf({ namespace, name }, names.defaultNamespace),
    }));
}

/** Leaves one of the clients that no rule distinguishes: of each namespace and data plane. */
function likeness(rules: readonly AccessRule[], { rules: routes }: Entry): (client: MeshWorkload) => boolean {
  const named = new Set(
    rules.flatMap(({ callers = [], notCallers = [] }) => [...callers, ...notCallers]).map(workloadKey),
  );
  const matches = routes.flatMap(({ rule: { match = [] } }) => match);
  const isDistinguished =
    rules.some(({ settings: { principals, notPrincipals } }) => principals ?? notPrincipals) ||
    matches.some(({ sourceWorkload, sourceLabels }) => sourceWorkload ?? sourceLabels);
  const seen = new Set<string>();
  return (client) => {
    const key = `${client.namespace} ${client.dataPlane}`;
    if (isDistinguished || named.has(workloadKey(client))) return true;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  };
}

function ask(context: PlanContext, entry: Entry, draft: Draft, { client, from, title }: Client, given?: number): Asked {
  const { service, exposed, port: usual } = entry;
  const { method, path, headers, claims, token } = draft;
  const port = given ?? usual;
  const host = exposed && { host: exposed.host };
  const asked = { from, to: workloadKey(service), method, path, headers: { ...headers, ...host }, port };
  const question: Question = { ...asked, ...(claims && { claims }) };
  const explanation = explain(context.model.policies, question);
  const to = exposed
    ? ({
        kind: "gateway",
        namespace: exposed.gateway.namespace,
        service: exposed.gateway.service,
        port,
        host: exposed.host,
      } as const)
    : ({ kind: "service", namespace: service.namespace, name: service.name, port } as const);
  const delays = entry.rules.map(({ rule }) => milliseconds(rule.fault?.delay?.fixedDelay ?? "0s") / 1000);
  const longest = Math.max(0, ...delays);
  const request: ProbeRequest = {
    to,
    ...(exposed?.port.encrypted && { scheme: "https" as const }),
    ...(method !== "GET" && { method }),
    path,
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(token && { token }),
    ...(longest > 2 && { timeoutSeconds: Math.ceil(longest + 10) }),
  };
  const isLimited = [service, ...entry.rules.map((one) => one.service)].some(hasConnectionLimit);
  return { client, clientTitle: title, request, question, explanation, isLimited };
}

export function hasConnectionLimit(service: MeshService): boolean {
  return connectionPools(service).length > 0;
}

/** How long a TCP connection to a service must be open, where its proxies may take longer than usual to connect. */
export function openLimit(service: MeshService): Pick<ProbeRequest, "timeoutSeconds"> {
  const limits = connectionPools(service).map(({ tcp }) => milliseconds(tcp?.connectTimeout ?? "0s") / 1000 + 2);
  const longest = Math.ceil(Math.max(0, ...limits));
  return longest > openSeconds ? { timeoutSeconds: longest } : {};
}

function connectionPools({ trafficPolicy, subsets }: MeshService) {
  const policies = [{ trafficPolicy }, ...subsets].flatMap(({ trafficPolicy: policy }) => policy ?? []);
  return policies
    .flatMap((policy) => [policy, ...(policy.portLevelSettings ?? [])])
    .flatMap(({ connectionPool }) => connectionPool ?? []);
}

/** As a series is named: `productpage GET /reviews/0 (end-user: quentin)`. */
export function titleOfRequest({ clientTitle, request }: Asked): string {
  const { method = "GET", path = "/", headers = {}, to, token } = request;
  const host = to.kind === "gateway" ? to.host : "";
  const named = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const conditions = [...named, ...(token ? [`a token of ${token.issuer}`] : [])];
  const details = conditions.length > 0 ? ` (${conditions.join(", ")})` : "";
  return `${clientTitle} ${method} ${host}${path}${details}`;
}

function lastStep({ clientTitle, request, explanation }: Asked): string {
  const { method = "GET", path = "/" } = request;
  return `${clientTitle} ${method} ${path}: ${explanation.steps.at(-1)?.what ?? explanation.outcome}`;
}
