import { workloadKey } from "../../components/model/names";
import { PolicyNames } from "../../components/model/policies/names";
import {
  type AccessRule,
  bypassesWaypoints,
  type Exposure,
  type MeshService,
  type MeshWorkload,
  mtlsModes,
  type PolicyModel,
} from "../../components/model/policies/policy-model";
import type { HttpRuleSettings } from "../../components/settings/sections/traffic";
import type { SettingPath } from "../../components/shared/problem";
import { ifKnown } from "../../components/shared/unknown";
import { fieldsOf } from "../http-rules";
import { conditionsHold, type ExplainedRequest, matches, meetsRequirements, ruleMatches } from "./conditions";

/** A request of the user's question. */
export interface Question {
  /** `productpage`, `namespace/name`, a gateway, or `outside`: a pod outside the mesh. */
  readonly from: string;
  /** `reviews` or `namespace/name`. */
  readonly to: string;
  readonly method: string;
  /** With its query: `/reviews/0?full=1`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly address?: string;
  readonly claims?: Readonly<Record<string, string>>;
}

/** One thing that happens to a request, and the setting that decides it, if a setting does. */
export interface Step {
  readonly what: string;
  readonly path?: SettingPath;
}

export interface Explanation {
  /** `passes`: it reaches a pod of the service. `answered`: a rule has a proxy answer it. */
  readonly outcome: "passes" | "answered" | "no route" | "denied" | "unknown";
  readonly steps: readonly Step[];
}

interface Journey {
  readonly target: MeshWorkload;
  readonly service?: MeshService;
  /** How the gateway exposes the service; without it, the request comes from inside the mesh. */
  readonly exposure?: Exposure;
  readonly request: ExplainedRequest;
}

/**
 * What happens to a request, from the settings alone.
 *
 * @throws RangeError where the question names something that does not exist
 */
export function explain(model: PolicyModel, question: Question): Explanation {
  const { from, to } = question;
  const names = new PolicyNames(model.names);
  const target = ifKnown(() => names.reference(to));
  if (!target) throw new RangeError(`--to ${to}: no such workload`);
  const gateway = model.names.findGateway(from);
  const caller = from === "outside" ? undefined : (ifKnown(() => names.reference(from)) ?? gateway);
  if (from !== "outside" && !caller) throw new RangeError(`--from ${from}: no such workload or gateway; or: outside`);
  const service = model.services.find((one) => workloadKey(one) === workloadKey(target));
  const exposure = gateway && service?.exposures.find((one) => one.gateway.name === gateway.name);
  if (gateway && !exposure) {
    const what = `gateway ${gateway.name} does not expose ${to}: 404`;
    return { outcome: "no route", steps: [{ what, path: ["traffic", "services"] }] };
  }
  const url = new URL(question.path, "http://service");
  const request: ExplainedRequest = {
    method: question.method,
    path: url.pathname,
    queryParams: new Map(url.searchParams),
    headers: new Map(Object.entries(question.headers).map(([name, value]) => [name.toLowerCase(), value])),
    claims: new Map(Object.entries(question.claims ?? {})),
    address: question.address,
    caller,
    port: target.port,
  };
  const steps: Step[] = [];
  const journey = { target, service, exposure, request };
  const outcome =
    route(journey, steps) ??
    transport(model, journey, steps) ??
    bypassWaypoint(model, journey, steps) ??
    authorize(model, journey, steps);
  return { outcome, steps };
}

/** The route of the request: undefined if it goes on to the service. */
function route({ service, exposure, request }: Journey, steps: Step[]): Explanation["outcome"] | undefined {
  if (exposure?.tls) {
    steps.push({ what: "TLS passthrough", path: [...exposure.path, "tls"] });
    return undefined;
  }
  const inMesh = () => applyRules(service?.meshRules ?? [], service?.meshPath ?? [], request, steps);
  if (!exposure) return inMesh();
  const atGateway = applyRules(exposure.rules, [...exposure.path, "http"], request, steps);
  // A waypoint for ingress routes the requests of a gateway again.
  return atGateway ?? (service?.waypoint?.ingress ? inMesh() : undefined);
}

function applyRules(
  rules: readonly HttpRuleSettings[],
  path: SettingPath,
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
  const { fault, ...others } = rule;
  const rulePath = [...path, index];
  const destination = rule.route ?? rule.redirect ?? rule.directResponse;
  const what = [...(destination ? [] : ["it goes to the service itself"]), ...explanations(others)].join(" ");
  steps.push({ what, path: rulePath });
  for (const faults of explanations({ fault })) steps.push({ what: faults, path: [...rulePath, "fault"] });
  return (rule.redirect ?? rule.directResponse) ? "answered" : undefined;
}

function explanations(rule: HttpRuleSettings): string[] {
  return fieldsOf(rule).flatMap(({ explanation }) => explanation ?? []);
}

function transport(model: PolicyModel, { target, request }: Journey, steps: Step[]): "denied" | undefined {
  const mode = mtlsModes(model, target).atServicePort;
  if (request.caller) {
    steps.push({ what: mode === "DISABLE" ? "it goes in plain text (DISABLE)" : `it goes with mTLS (${mode})` });
    return undefined;
  }
  steps.push({ what: mode === "STRICT" ? "it is plain text, which STRICT refuses" : `it is plain text (${mode})` });
  return mode === "STRICT" ? "denied" : undefined;
}

/** Only ambient clients and gateways go through a waypoint. */
function bypassWaypoint(
  model: PolicyModel,
  { target, request: { caller } }: Journey,
  steps: Step[],
): "denied" | undefined {
  if (caller && !bypassesWaypoints(model, caller.namespace)) return undefined;
  const guarded = model.waypointOnly.find((one) => workloadKey(one) === workloadKey(target));
  if (!guarded) return undefined;
  const client = caller?.name ?? "a pod outside the mesh";
  steps.push({
    what: `${client} bypasses waypoint ${guarded.waypoint.name}, and ${target.name} accepts requests from its waypoint only`,
    path: ["mesh", "waypoints"],
  });
  return "denied";
}

/** In Istio's order: external authorization, tokens, DENY rules, ALLOW rules. */
function authorize(model: PolicyModel, { target, request }: Journey, steps: Step[]): Explanation["outcome"] {
  const ofTarget = <Rule extends { readonly target: MeshWorkload }>(rules: readonly Rule[]) =>
    rules.filter((rule) => workloadKey(rule.target) === workloadKey(target));
  const external = ofTarget(model.externalRules).find(({ settings }) => conditionsHold(settings, request));
  if (external) {
    steps.push({ what: `external authorizer ${external.provider} decides, and may deny it`, path: external.path });
  }
  for (const rules of ofTarget(model.tokenRules)) {
    if (meetsRequirements(rules, request)) continue;
    steps.push({ what: "it has no token, or not the required one: 403", path: rules.path });
    return "denied";
  }
  const rules = ofTarget(model.accessRules);
  const matching = (action: AccessRule["action"]) =>
    rules.find((rule) => rule.action === action && ruleMatches(rule, request));
  const audit = matching("AUDIT");
  if (audit) steps.push({ what: "an audit rule logs it", path: audit.path });
  const { allowed, step } = decide(model, target, rules, matching);
  steps.push(step);
  if (!allowed && !model.dryRun) return "denied";
  if (model.dryRun) {
    steps.push({ what: "dry run: only logged and counted", path: ["security", "authorization", "dryRun"] });
  }
  return external ? "unknown" : "passes";
}

function decide(
  { defaultDenyNamespaces }: PolicyModel,
  { namespace, name }: MeshWorkload,
  rules: readonly AccessRule[],
  matching: (action: AccessRule["action"]) => AccessRule | undefined,
): { readonly allowed: boolean; readonly step: Step } {
  const deny = matching("DENY");
  if (deny) return { allowed: false, step: { what: "a rule denies it: 403", path: deny.path } };
  const defaultDeny = defaultDenyNamespaces.has(namespace);
  if (!defaultDeny && !rules.some(({ action }) => action === "ALLOW")) {
    return { allowed: true, step: { what: "no rule denies it, and the default is to allow" } };
  }
  const allow = matching("ALLOW");
  if (allow) return { allowed: true, step: { what: "a rule allows it", path: allow.path } };
  const what = defaultDeny
    ? `no rule allows it, and namespace ${namespace} denies by default: 403`
    : `no rule allows it, and ${name} has allow rules for others: 403`;
  return { allowed: false, step: { what, path: ["security", "authorization"] } };
}
