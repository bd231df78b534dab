import type { StringMatch } from "../../model/matches";
import { covers, type MeshWorkload, type PolicyTarget, workloadKey } from "../../model/names";
import type { AccessConditions, AccessRule, PolicyModel } from "../../model/policies/policy-model";
import { pathMatches } from "../../model/path-patterns";
import { isHttp, type ServicePort } from "../../shared/workload";
import type { PlanContext, ProbeToken } from "../probe";
import { exampleOf, safeMethods, tokens } from "../requests/drafts";

/** Requests that rules distinguish: one that a rule is for, and others that differ from it in one condition. */
export interface AccessDraft {
  /** In what it differs: drafts with the same label are alike. */
  readonly label: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly port: number;
  readonly claims?: Readonly<Record<string, string>>;
  readonly token?: ProbeToken;
}

/** No application has such a path. */
export const noSuchPath = "/talos-mesh-probe";

/** Of a rule with a long list, the first ones. */
const mostPaths = 8;

/**
 * A method that changes something is sent only with a path that cannot exist, so that a policy that fails to deny it
 * destroys nothing: where a rule names one exact path, such a method is not sent. Nor is one that creates what a path names,
 * and none where a route rewrites paths (`mayCreate`, `isRewritten`).
 */
export function accessDrafts(
  context: PlanContext,
  workload: MeshWorkload,
  targets: readonly PolicyTarget[],
): AccessDraft[] {
  const { accessRules } = context.model.policies;
  const rules = accessRules.filter(
    ({ action, target }) => action !== "AUDIT" && targets.some((one) => covers(target, one)),
  );
  const usual = workload.ports.find(isHttp)?.port;
  const routed = pathsOfRoutes(context.model.policies, workload);
  const ofRules = rules.flatMap((rule) => draftsOf(rule, workload, usual, routed));
  const plain = usual === undefined ? [] : routed.map((path) => plainDraft(path, usual));
  const all = [...ofRules, ...plain];
  return all.flatMap((draft) => {
    const { rule, ...others } = draft;
    return tokens(context, targets, conditionsOfToken(rule?.settings)).map((token) => ({ ...others, ...token }));
  });
}

type UnsignedDraft = Omit<AccessDraft, "claims" | "token"> & { readonly rule?: AccessRule };

function plainDraft(path: string, port: number): UnsignedDraft {
  return { label: "any", method: "GET", path, headers: {}, port };
}

function draftsOf(
  rule: AccessRule,
  workload: MeshWorkload,
  usual: number | undefined,
  routed: readonly string[],
): UnsignedDraft[] {
  const { settings, path: setting } = rule;
  const { methods, notMethods = [], paths, notPaths = [], ports } = settings;
  const own = ports?.find((port) => workload.ports.some((one) => one.port === port && isHttp(one)));
  const port = ports ? own : usual;
  if (port === undefined) return [];
  const any = [...safeMethods, "POST"] as const;
  const wanted = (methods ?? any).filter((one) => !notMethods.includes(one));
  const isLimited = methods !== undefined || notMethods.length > 0;
  const first = wanted.find(isSafe) ?? wanted[0];
  const patterns = (paths ?? [noSuchPath]).slice(0, mostPaths);
  const [pattern] = patterns;
  if (first === undefined || pattern === undefined) return [];
  const headers = headersOf(settings);
  const draft = (what: string, method: string, at: string, sent = headers): UnsignedDraft[] => {
    const path = isSafe(method) ? safePath(at) : harmlessPath(at);
    return path === undefined
      ? []
      : [{ label: `${setting.join(".")} ${what}`, method, path, headers: sent, port, rule }];
  };
  const otherSafe = [...safeMethods].reverse().find((one) => one !== "OPTIONS" && !wanted.includes(one)) ?? "OPTIONS";
  const otherUnsafe = (["POST", "DELETE"] as const).find((one) => !wanted.includes(one));
  const otherPort = workload.ports.find((one) => isHttp(one) && one.port !== port)?.port;
  return [
    ...patterns.flatMap((one) => draft(one, first, one)),
    // A route may lead nowhere else.
    ...(paths ? [] : routed.flatMap((one) => draft(pattern, first, one))),
    ...(isLimited ? wanted.filter((one) => one !== first).flatMap((method) => draft(method, method, pattern)) : []),
    ...(isLimited ? draft("another method", otherSafe, pattern) : []),
    ...(isLimited && otherUnsafe !== undefined ? draft("a method that writes", otherUnsafe, pattern) : []),
    ...(paths ? draft("another path", first, noSuchPath) : []),
    ...notPaths.slice(0, mostPaths).flatMap((one) => draft(`not ${one}`, first, one)),
    ...(Object.keys(headers).length > 0 ? draft("other headers", first, pattern, {}) : []),
    ...(ports && otherPort !== undefined
      ? draft("another port", first, pattern).map((one) => ({ ...one, port: otherPort }))
      : []),
  ];
}

/** To a port whose bytes no proxy reads: nothing of a request shows there. */
export function connectionDraft({ port }: Pick<ServicePort, "port">): AccessDraft {
  return { label: `port ${port}`, method: "GET", path: "/", headers: {}, port };
}

export function isSafe(method: string): boolean {
  return (safeMethods as readonly string[]).includes(method);
}

/** Methods that create what a path names: sent with any path, they would leave something behind. */
export function mayCreate(method: string): boolean {
  return method === "PUT" || method === "PATCH";
}

/** Whether a route for the workload changes paths: one that cannot exist may become another. */
export function isRewritten({ services }: PolicyModel, workload: MeshWorkload): boolean {
  return services
    .filter((one) => workloadKey(one) === workloadKey(workload))
    .flatMap(({ meshRules, exposures }) => [...meshRules, ...exposures.flatMap(({ rules }) => rules)])
    .some(({ rewrite }) => rewrite !== undefined);
}

function safePath(pattern: string): string {
  const path = pattern === "*" ? "/" : exampleOf(pattern);
  return path.startsWith("/") ? path : `/${path}`;
}

/** A path that the pattern takes and that cannot exist. */
function harmlessPath(pattern: string): string | undefined {
  const name = noSuchPath.slice(1);
  const path = pattern
    .replace(/\{\*{1,2}\}/g, name)
    .replace(/^\*$/, noSuchPath)
    .replace(/^\*/, noSuchPath)
    .replace(/\*$/, name);
  return path.includes(name) && pathMatches(pattern, path) ? path : undefined;
}

function headersOf({ headers = {}, hosts }: AccessConditions): Record<string, string> {
  const [host] = hosts ?? [];
  const sent = Object.entries(headers).map(([name, [value = "*"]]) => [name, exampleOf(value)]);
  return Object.fromEntries([...sent, ...(host === undefined ? [] : [["host", exampleOf(host)]])]) as Record<
    string,
    string
  >;
}

function conditionsOfToken({ claims = {}, presenters }: AccessConditions = {}): (readonly [string, StringMatch])[] {
  const [presenter] = presenters ?? [];
  return [...Object.entries(claims), ...(presenter === undefined ? [] : [["azp", [presenter]] as const])].flatMap(
    ([name, [first]]) => (first === undefined ? [] : [[name, { exact: exampleOf(first) }] as const]),
  );
}

/** Paths that routes for the workload take, and one that they may not. */
export function pathsOfRoutes({ services }: PolicyModel, workload: MeshWorkload): string[] {
  const service = services.find((one) => workloadKey(one) === workloadKey(workload));
  const rules = [...(service?.meshRules ?? []), ...(service?.exposures.flatMap((one) => one.rules) ?? [])];
  const matched = rules.flatMap(({ match = [] }) =>
    match.flatMap(({ uri }) => uri?.exact ?? (uri?.prefix === undefined ? [] : `${uri.prefix}0`)),
  );
  return [...new Set([noSuchPath, ...matched])];
}
