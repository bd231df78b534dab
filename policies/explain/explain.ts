import { covers, type MeshWorkload, type PolicyTarget, workloadKey } from "../../components/model/names";
import {
  type AccessRule,
  bypassesWaypoints,
  type Exposure,
  type MeshService,
  mtlsModes,
  type PolicyModel,
} from "../../components/model/policies/policy-model";
import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import type { SettingPath } from "../../components/shared/problem";
import { ifKnown } from "../../components/shared/unknown";
import { fieldsOf } from "../http-rules";
import { conditionsHold, type ExplainedRequest, matches, meetsRequirements, ruleMatches } from "./conditions";

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

export interface Step {
  readonly what: string;
  /** The setting that decides it. */
  readonly path?: SettingPath;
}

export interface Explanation {
  /** `passes`: it reaches a pod of the service. `answered`: a rule has a proxy answer it. */
  readonly outcome: "passes" | "answered" | "no route" | "denied" | "unknown";
  readonly steps: readonly Step[];
}

/** From the settings alone. @throws RangeError where the question names something that does not exist */
export function explain(model: PolicyModel, question: Question): Explanation {
  const { from, to } = question;
  const { names } = model;
  const target = ifKnown(() => names.reference(to));
  const workloads = names.workloads.map(({ namespace, name }) =>
    namespace === names.defaultNamespace ? name : `${namespace}/${name}`,
  );
  if (!target) throw new RangeError(`--to ${to}: no such workload; expected one of: ${workloads.join(", ")}`);
  const gateway = names.findGateway(from);
  const caller = from === "outside" ? undefined : (ifKnown(() => names.reference(from)) ?? gateway);
  if (from !== "outside" && !caller) {
    const known = [...workloads, ...names.objects.gateways.map(({ name }) => name)].join(", ");
    throw new RangeError(`--from ${from}: no such workload or gateway; expected one of: ${known}, or outside`);
  }
  const service = model.services.find((one) => workloadKey(one) === workloadKey(target));
  const exposure = gateway && service?.exposures.find((one) => one.gateway.name === gateway.name);
  if (gateway && !exposure) {
    const what = `gateway ${gateway.name} does not expose ${to}: 404`;
    return { outcome: "no route", steps: [{ what, path: ["traffic", "services"] }] };
  }
  const url = new URL(question.path, "http://service");
  const request = {
    method: question.method,
    path: url.pathname,
    queryParams: new Map(url.searchParams),
    headers: new Map(Object.entries(question.headers).map(([name, value]) => [name.toLowerCase(), value])),
    claims: new Map(Object.entries(question.claims ?? {})),
    address: question.address,
    caller,
    port: target.ports[0]?.port ?? 0,
  };
  const journey = new Journey(model, request, target, service, exposure);
  return { outcome: journey.outcome(), steps: journey.steps };
}

/** Follows a request to its target; each method returns the outcome where it ends the journey. */
class Journey {
  readonly steps: Step[] = [];

  constructor(
    private readonly model: PolicyModel,
    private readonly request: ExplainedRequest,
    private readonly target: MeshWorkload,
    private readonly service: MeshService | undefined,
    /** How the gateway exposes the service; without it, the request comes from inside the mesh. */
    private readonly exposure: Exposure | undefined,
  ) {}

  outcome(): Explanation["outcome"] {
    return this.route() ?? this.transport() ?? this.waypoint() ?? this.authorize();
  }

  private step(what: string, path?: SettingPath): void {
    this.steps.push(path ? { what, path } : { what });
  }

  private route(): Explanation["outcome"] | undefined {
    const { exposure, service } = this;
    if (exposure?.tls) {
      this.step("TLS passthrough", [...exposure.path, "tls"]);
      return undefined;
    }
    const inMesh = () => this.applyRules(service?.meshRules ?? [], service?.meshPath ?? []);
    if (!exposure) return inMesh();
    const atGateway = this.applyRules(exposure.rules, [...exposure.path, "http"]);
    // A waypoint for ingress routes the requests of a gateway again.
    return atGateway ?? (service?.waypoint?.ingress ? inMesh() : undefined);
  }

  private applyRules(rules: readonly HttpRuleSettings[], path: SettingPath): Explanation["outcome"] | undefined {
    if (rules.length === 0) {
      this.step("no route is set: it goes to the service itself");
      return undefined;
    }
    const index = rules.findIndex(({ match }) => match?.some((one) => matches(one, this.request)) ?? true);
    const rule = rules[index];
    if (!rule) {
      this.step("no rule matches it: 404", path);
      return "no route";
    }
    const { fault, ...others } = rule;
    const answer = rule.redirect ?? rule.directResponse;
    const toService = rule.route || answer ? [] : ["it goes to the service itself"];
    this.step([...toService, ...explanations(others)].join(" "), [...path, index]);
    for (const faults of explanations({ fault })) this.step(faults, [...path, index, "fault"]);
    return answer && "answered";
  }

  private transport(): "denied" | undefined {
    const mode = mtlsModes(this.model, this.target).atServicePort;
    if (this.request.caller) {
      this.step(mode === "DISABLE" ? "it goes in plain text (DISABLE)" : `it goes with mTLS (${mode})`);
      return undefined;
    }
    this.step(mode === "STRICT" ? "it is plain text, which STRICT refuses" : `it is plain text (${mode})`);
    return mode === "STRICT" ? "denied" : undefined;
  }

  /** Only ambient clients and gateways go through a waypoint. */
  private waypoint(): "denied" | undefined {
    const { model, target } = this;
    const { caller } = this.request;
    const only = model.waypointOnly.find((one) => workloadKey(one) === workloadKey(target));
    if (!only || (caller && !bypassesWaypoints(model, caller.namespace))) return undefined;
    const bypass = `${caller?.name ?? "a pod outside the mesh"} bypasses waypoint ${only.waypoint.name}`;
    this.step(`${bypass}, and ${target.name} accepts requests from its waypoint only`, ["mesh", "waypoints"]);
    return "denied";
  }

  /** In Istio's order: external authorization, tokens, DENY rules, ALLOW rules. */
  private authorize(): Explanation["outcome"] {
    const { model, request } = this;
    const external = this.ofTarget(model.externalRules).find(({ settings }) => conditionsHold(settings, request));
    const provider = external?.settings.provider;
    if (external) this.step(`external authorizer ${provider} decides, and may deny it`, external.path);
    const unmet = this.ofTarget(model.tokenRules).find((rules) => !meetsRequirements(rules, request));
    if (unmet) {
      this.step("it has no token, or not the required one: 403", unmet.path);
      return "denied";
    }
    const audit = this.matching("AUDIT");
    if (audit) this.step("an audit rule logs it", audit.path);
    const allowed = this.applyAccessRules();
    if (!allowed && !model.dryRun) return "denied";
    if (model.dryRun) this.step("dry run: only logged and counted", ["security", "authorization", "dryRun"]);
    return external ? "unknown" : "passes";
  }

  private applyAccessRules(): boolean {
    const { namespace, name } = this.target;
    const deny = this.matching("DENY");
    const allow = this.matching("ALLOW");
    const defaultDeny = this.model.defaultDenyNamespaces.has(namespace);
    const hasAllowRules = this.ofTarget(this.model.accessRules).some(({ action }) => action === "ALLOW");
    if (deny) this.step("a rule denies it: 403", deny.path);
    else if (!defaultDeny && !hasAllowRules) this.step("no rule denies it, and the default is to allow");
    else if (allow) this.step("a rule allows it", allow.path);
    else {
      const reason = defaultDeny ? `namespace ${namespace} denies by default` : `${name} has allow rules for others`;
      this.step(`no rule allows it, and ${reason}: 403`, ["security", "authorization"]);
    }
    return !deny && (!!allow || (!defaultDeny && !hasAllowRules));
  }

  private ofTarget<Rule extends { readonly target: PolicyTarget }>(rules: readonly Rule[]): Rule[] {
    const target = this.model.names.target(workloadKey(this.target));
    return rules.filter((rule) => covers(rule.target, target));
  }

  private matching(action: AccessRule["action"]): AccessRule | undefined {
    return this.ofTarget(this.model.accessRules).find(
      (rule) => rule.action === action && ruleMatches(rule, this.request),
    );
  }
}

function explanations(rule: HttpRuleSettings): string[] {
  return fieldsOf(rule).flatMap(({ explanation }) => explanation ?? []);
}
