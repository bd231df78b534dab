import type { HttpRuleSettings } from "../../components/settings/sections/traffic";
import { behindWaypoint } from "../resolve/behind-waypoint";
import { workloadKey } from "../resolve/directory";
import { mtlsMode } from "../resolve/identities";
import type { AccessRule, MeshService, Offer, ResolvedModel, Target } from "../resolve/resolved";
import { conditionsHold, type ExplainedRequest, matches, missedRequirement, ruleHolds } from "./conditions";

/** One thing that happens to a request, and the setting that decides it. */
export interface Step {
  readonly what: string;
  /** Where the deciding rule stands in the settings; without it, nothing is said about it there. */
  readonly path?: string;
}

export interface Explanation {
  /** `passes`: it reaches a pod of the service. `answered`: a proxy answers, as it was told to. */
  readonly outcome: "passes" | "answered" | "no route" | "denied" | "unknown";
  readonly steps: readonly Step[];
}

/** Who is asked, and by which way the request comes. */
export interface Journey {
  readonly target: Target;
  readonly service?: MeshService;
  /** The gateway's offer that the request came by; without it, it comes from inside the mesh. */
  readonly offer?: Offer;
  readonly request: ExplainedRequest;
}

/** What happens to a request, from the model alone: no cluster is asked. */
export function explain(model: ResolvedModel, journey: Journey): Explanation {
  const steps: Step[] = [];
  const end = (outcome: Explanation["outcome"]): Explanation => ({ outcome, steps });
  const routed = route(journey, steps);
  if (routed) return end(routed);
  const closed = transport(model, journey, steps);
  if (closed) return end(closed);
  const passedBy = roundTheWaypoint(model, journey, steps);
  if (passedBy) return end(passedBy);
  return end(authorize(model, journey, steps));
}

/** The rules of the way the request comes by: undefined where it goes on to the service. */
function route({ service, offer, request }: Journey, steps: Step[]): Explanation["outcome"] | undefined {
  if (offer?.tls) {
    steps.push({ what: "its TLS is passed on unopened", path: `${offer.path}.tls` });
    return undefined;
  }
  const inMesh = { rules: service?.meshRules ?? [], path: service?.meshPath };
  if (!offer) return follow(inMesh, request, steps);
  const atGateway = follow({ rules: offer.rules, path: `${offer.path}.http` }, request, steps);
  // A waypoint for ingress routes anew what the gateway lets in.
  return atGateway ?? (service?.waypoint?.ingress ? follow(inMesh, request, steps) : undefined);
}

function follow(
  { rules, path }: { readonly rules: readonly HttpRuleSettings[]; readonly path?: string },
  request: ExplainedRequest,
  steps: Step[],
): Explanation["outcome"] | undefined {
  if (rules.length === 0) {
    steps.push({ what: "no route is set: it goes to the service itself" });
    return undefined;
  }
  const index = rules.findIndex(({ match }) => match?.some((one) => matches(one, request)) ?? true);
  const rule = rules[index];
  if (!rule) {
    steps.push({ what: "no rule matches it: 404", path });
    return "no route";
  }
  const at = `${path}[${index}]`;
  steps.push({ what: describe(rule), path: at });
  if (rule.fault) steps.push({ what: describeFault(rule.fault), path: `${at}.fault` });
  return (rule.redirect ?? rule.directResponse) ? "answered" : undefined;
}

function describe({ route: shares, redirect, directResponse, timeout, mirror }: HttpRuleSettings): string {
  if (redirect) return `it is answered with a redirect (${redirect.redirectCode ?? 301})`;
  if (directResponse) return `it is answered with ${directResponse.status}`;
  const to = shares
    ? `it goes to ${Object.entries(shares)
        .map(([name, share]) => `${name} ${share}%`)
        .join(", ")}`
    : "it goes to the service itself";
  return [
    to,
    ...(timeout === undefined ? [] : [`with a timeout of ${timeout}`]),
    ...(mirror ? [`and ${mirror.percentage}% are mirrored to ${mirror.subset}`] : []),
  ].join(" ");
}

function describeFault({ abort, delay }: NonNullable<HttpRuleSettings["fault"]>): string {
  const parts = [
    ...(delay ? [`${delay.percentage}% wait ${delay.fixedDelay}`] : []),
    ...(abort ? [`${abort.percentage}% fail with ${abort.httpStatus ?? abort.grpcStatus}`] : []),
  ];
  return `faults: ${parts.join(", ")}`;
}

function transport(model: ResolvedModel, { target, request }: Journey, steps: Step[]): "denied" | undefined {
  const mode = mtlsMode(model.mtls, model.mtlsExceptions, target);
  if (request.caller) {
    steps.push({ what: mode === "DISABLE" ? "it goes in plain text (DISABLE)" : `it goes by mTLS (${mode})` });
    return undefined;
  }
  steps.push({ what: mode === "STRICT" ? "it is plain text, which STRICT refuses" : `it is plain text (${mode})` });
  return mode === "STRICT" ? "denied" : undefined;
}

/** Only ambient callers and gateways go through a waypoint, and where it judges, the pods let in nobody else. */
function roundTheWaypoint(
  model: ResolvedModel,
  { target, request: { caller } }: Journey,
  steps: Step[],
): "denied" | undefined {
  if (caller && (model.dataPlanes[caller.namespace] ?? "ambient") === "ambient") return undefined;
  const guarded = behindWaypoint(model).find((one) => workloadKey(one) === workloadKey(target));
  if (!guarded) return undefined;
  const who = caller?.name ?? "a pod outside the mesh";
  steps.push({
    what: `${who} does not go through waypoint ${guarded.waypoint.name}, and ${target.name} lets in nobody else`,
    path: "mesh.waypoints",
  });
  return "denied";
}

/** In Istio's order: external authorizers, denials, allowances. */
function authorize(model: ResolvedModel, { target, request }: Journey, steps: Step[]): Explanation["outcome"] {
  const here = <Rule extends { readonly target: Target }>(rules: readonly Rule[]) =>
    rules.filter((rule) => rule.target.namespace === target.namespace && rule.target.name === target.name);
  const asked = here(model.externalRules).find(({ conditions }) => conditionsHold(conditions, request));
  if (asked) steps.push({ what: `authorizer ${asked.provider} is asked, and may deny it`, path: asked.path });
  for (const rules of here(model.tokenRules)) {
    if (!missedRequirement(rules, request)) continue;
    steps.push({ what: "its token is missing, or not the one that is required: 403", path: rules.path });
    return "denied";
  }
  const rules = here(model.accessRules);
  const holding = (action: AccessRule["action"]) =>
    rules.find((rule) => rule.action === action && ruleHolds(rule, request));
  const audit = holding("AUDIT");
  if (audit) steps.push({ what: "it is logged by an audit rule", path: audit.path });
  const verdict = judge(model, target, rules, holding);
  steps.push(verdict.step);
  if (!verdict.allowed && !model.dryRun) return "denied";
  if (model.dryRun) steps.push({ what: "dry run: only logged and counted", path: "security.authorization.dryRun" });
  return asked ? "unknown" : "passes";
}

function judge(
  { defaultDenyNamespaces }: ResolvedModel,
  { namespace, name }: Target,
  rules: readonly AccessRule[],
  holding: (action: AccessRule["action"]) => AccessRule | undefined,
): { readonly allowed: boolean; readonly step: Step } {
  const denial = holding("DENY");
  if (denial) return { allowed: false, step: { what: "a rule denies it: 403", path: denial.path } };
  const closed = defaultDenyNamespaces.includes(namespace);
  if (!closed && !rules.some(({ action }) => action === "ALLOW")) {
    return { allowed: true, step: { what: "no rule denies it, and nothing is denied by default" } };
  }
  const allowance = holding("ALLOW");
  if (allowance) return { allowed: true, step: { what: "a rule allows it", path: allowance.path } };
  const what = closed
    ? `no rule allows it, and namespace ${namespace} denies by default: 403`
    : `no rule allows it, and ${name} has rules that allow others: 403`;
  return { allowed: false, step: { what, path: "security.authorization" } };
}
