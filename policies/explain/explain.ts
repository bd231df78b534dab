import { isIP } from "node:net";
import { type MeshWorkload, type PolicyTarget, waypointTitle, workloadKey } from "../../components/model/names";
import {
  type AccessRule,
  bypassesWaypoints,
  type Exposure,
  type MeshService,
  mtlsModes,
  type PolicyModel,
  type RouteTarget,
} from "../../components/model/policies/policy-model";
import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import type { SettingPath } from "../../components/shared/problem";
import { ifKnown, throwUnknown } from "../../components/shared/unknown";
import { type GatewayRoute, rulesOf } from "../../components/model/policies/gateway-routes";
import { RouteTargets } from "../../components/model/policies/route-targets";
import { type AnyRule, limitSteps, ofTarget, type OwnedRule, owned, partition, sharedRoute } from "./rules";
import { anonymous, connectionStep, defaultPort, modeWithoutMtls } from "./connections";
import type { TlsRuleSettings } from "../../components/settings/sections/connection-rule";
import { isEncrypted, isHttp } from "../../components/shared/workload";
import { routeEntries } from "../destinations";
import { principal } from "../api-objects";
import { fieldsOf } from "../http-rules";
import { conditionsHold, matches, meetsRequirements, ruleMatches } from "./conditions";
import { type ExplainedRequest, normalized, pathAndQuery, sentOn, type Question, type Step } from "./request";

export interface Explanation {
  /** `passes`: it reaches a pod of the service. `answered`: a rule has a proxy answer it. */
  readonly outcome: "passes" | "answered" | "no route" | "denied" | "unknown";
  readonly steps: readonly Step[];
}

export type { Question } from "./request";

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
  const client = from === "outside" ? undefined : ifKnown(() => names.reference(from));
  const caller = from === "outside" ? undefined : (client ?? gateway);
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
  if (question.address !== undefined && isIP(question.address) === 0) {
    throw new RangeError(`--address ${question.address}: expected an IP address such as 10.0.0.7 or 2001:db8::7`);
  }
  const sent = new Map(Object.entries(question.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const host = exposure ? exposure.hosts.find((one) => !one.includes("*")) : target.name;
  const forwarded = sent.get("x-forwarded-for")?.split(",").at(-1)?.trim();
  const request = {
    method: question.method,
    ...pathAndQuery(question.path),
    headers: host === undefined ? sent : new Map([["host", host], ...sent]),
    // Nearly every token has a subject, without which istiod takes a request for one without a token.
    claims: new Map(question.claims ? Object.entries({ sub: "anyone", ...question.claims }) : []),
    address: question.address,
    // A gateway does not believe its clients.
    remoteAddress: (exposure ? undefined : forwarded) ?? question.address,
    caller,
    callerLabels: client?.labels,
    principal: caller && principal(caller, model.trustDomain),
    port: question.port ?? defaultPort(target, exposure),
  };
  const journey = new Journey(model, request, target, service, exposure && sharedRoute(model, exposure, request));
  return { outcome: journey.outcome(), steps: journey.steps };
}

/**
 * Follows a request from proxy to proxy, each of which reads what the one before it sent on; each method returns the
 * outcome where it ends the journey. A client's sidecar and a gateway route it before the target's sidecar authorizes it;
 * a waypoint authorizes it before it routes it.
 */
class Journey {
  readonly steps: Step[] = [];
  /** Whether an external authorizer decides. */
  private isUndecided = false;
  private readonly targets: RouteTargets;
  private hasLeftMesh = false;

  constructor(
    private readonly model: PolicyModel,
    /** As the next proxy reads it. */
    private request: ExplainedRequest,
    /** Where the routes so far send it. */
    private target: MeshWorkload,
    private service: MeshService | undefined,
    /** How the gateway exposes the service; without it, the request comes from inside the mesh. */
    private readonly exposed: GatewayRoute | undefined,
  ) {
    this.targets = new RouteTargets(model);
  }

  outcome(): Explanation["outcome"] {
    const routed = this.routeAtClient();
    if (routed || this.hasLeftMesh) return routed ?? "passes";
    const refused = this.transport() ?? this.waypoint();
    if (refused) return refused;
    const { service, target } = this;
    const atWaypoint = this.usesWaypoint();
    // ztunnel reads no paths.
    if (atWaypoint || target.dataPlane === "sidecar") this.read();
    const defaultDeny = this.model.defaultDenyNamespaces.has(target.namespace);
    const policyTarget = this.model.names.target(workloadKey(target));
    this.steps.push(...limitSteps(ofTarget(this.model.rateLimits, policyTarget), policyTarget, this.request));
    const denied = this.authorize(policyTarget, this.request, defaultDeny);
    if (denied) return denied;
    const answered = atWaypoint && service ? this.applyMeshRules(service) : undefined;
    // A waypoint has an identity of its own, for which the other service has rules.
    if (this.target !== target) return "unknown";
    return answered ?? (this.isUndecided ? "unknown" : "passes");
  }

  private step(what: string, path?: SettingPath): void {
    this.steps.push(path ? { what, path } : { what });
  }

  /** A proxy that reads HTTP normalizes the path, and sends that on. */
  private read(): void {
    const { path } = this.request;
    const { pathNormalization } = this.model;
    this.request = normalized(this.request, pathNormalization);
    if (this.request.path === path) return;
    this.step(`its path is read as ${this.request.path} (${pathNormalization})`, ["mesh", "pathNormalization"]);
  }

  /** At the gateway, or at the client's sidecar. A client without one sends it to the service itself. */
  private routeAtClient(): Explanation["outcome"] | undefined {
    const { exposed, service, model } = this;
    const { caller } = this.request;
    const [first] = exposed?.parts ?? [];
    if (exposed && first?.exposure.tls) return this.applyConnections(first.exposure.tls, [...exposed.path, "tls"]);
    if (exposed && first) {
      const rules = rulesOf(exposed).map(({ rule, path, part }) => ({ rule, path, owner: part.service }));
      const outcome = this.authorizeAtGateway(first.exposure) ?? this.applyRules(rules, [...exposed.path, "http"]);
      // The workload sees the gateway's address.
      this.request = { ...this.request, address: undefined, port: first.exposure.port ?? this.request.port };
      return outcome;
    }
    if (!caller || model.names.dataPlane(caller.namespace) !== "sidecar") return undefined;
    return this.applyMeshRules(service);
  }

  /** Only ambient clients go through a waypoint, and gateways where it is for ingress. */
  private usesWaypoint(): boolean {
    const { caller } = this.request;
    const { waypoint } = this.target;
    if (!waypoint || !caller) return false;
    return this.exposed ? waypoint.ingress : !bypassesWaypoints(this.model, caller.namespace);
  }

  private applyMeshRules(service: MeshService | undefined): Explanation["outcome"] | undefined {
    const { meshRules = [], meshTcp = [], meshTls = [], meshPath = [], meshPort } = service ?? {};
    const port = this.target.ports.find((one) => one.port === this.request.port);
    if (port && !isHttp(port)) {
      const [list, rules] = isEncrypted(port) ? (["tls", meshTls] as const) : (["tcp", meshTcp] as const);
      return this.applyConnections(rules, [...meshPath.slice(0, -1), list]);
    }
    const applies = service && (meshPort === undefined || meshPort === this.request.port);
    return this.applyRules(applies ? owned(meshRules, meshPath, service) : [], meshPath);
  }

  private applyConnections(rules: readonly TlsRuleSettings[], path: SettingPath): undefined {
    const { index, text } = connectionStep(rules, this.request, this.target.name);
    this.step(text, index === -1 ? undefined : [...path, index]);
  }

  private applyRules(rules: readonly OwnedRule[], from: SettingPath): Explanation["outcome"] | undefined {
    this.read();
    if (rules.length === 0) {
      this.step("no route is set: it goes to the service itself");
      return undefined;
    }
    const matched = ({ match }: HttpRuleSettings) => match?.find((one) => matches(one, this.request));
    const found = rules.find(({ rule }) => !rule.match || matched(rule));
    if (!found) {
      this.step("no rule matches it: 404", from);
      return "no route";
    }
    const { rule, path, owner } = found;
    const { fault, ...others } = rule;
    const answer = rule.redirect ?? rule.directResponse;
    const itself = workloadKey(owner) === workloadKey(this.target) ? "the service itself" : owner.name;
    const toService = rule.route || answer ? [] : [`it goes to ${itself}`];
    this.step([...toService, ...this.explanations(others)].join(" "), path);
    for (const faults of this.explanations({ fault })) this.step(faults, [...path, "fault"]);
    if (answer) return "answered";
    const before = this.request.path;
    this.request = sentOn(this.request, rule, matched(rule));
    if (this.request.path !== before) this.step(`its path becomes ${this.request.path}`, [...path, "rewrite"]);
    this.follow(rule, owner);
    return undefined;
  }

  /** To the other service, where a rule leads to no pod of the target. */
  private follow({ route }: HttpRuleSettings, owner: RouteTarget): void {
    const sent = route ? routeEntries(route, owner).filter(({ weight = 100 }) => weight > 0) : [{}];
    const services = sent.map((named) => this.targets.find(owner, named) ?? throwUnknown());
    const [next] = services;
    if (!next || services.some((one) => workloadKey(one) === workloadKey(this.target))) return;
    if (next.host !== undefined) {
      this.step(`it leaves the mesh, to ${next.host}`);
      this.hasLeftMesh = true;
      return;
    }
    this.step(`it does not reach ${this.target.name}; what follows is for ${next.name}`);
    this.target = this.model.names.workload(next.name, next.namespace);
    this.service = this.model.services.find((one) => workloadKey(one) === workloadKey(next));
    this.request = { ...this.request, port: defaultPort(next, undefined) };
  }

  private transport(): "denied" | undefined {
    const mode = mtlsModes(this.model, this.target).atServicePort;
    const tls = modeWithoutMtls(this.service, this.request);
    if (tls) this.step(`it goes without mTLS and identity (trafficPolicy.tls ${tls})`, this.service?.paths[0]);
    if (tls) this.request = anonymous(this.request);
    if (this.request.caller) {
      this.step(mode === "DISABLE" ? "it goes in plain text (DISABLE)" : `it goes with mTLS (${mode})`);
      return undefined;
    }
    this.step(mode === "STRICT" ? "it is plain text, which STRICT refuses" : `it is plain text (${mode})`);
    return mode === "STRICT" ? "denied" : undefined;
  }

  /** The pods of a workload whose waypoint enforces its rules refuse what bypasses it. */
  private waypoint(): "denied" | undefined {
    const { model, target } = this;
    const { caller } = this.request;
    const only = model.waypointOnly.find((one) => workloadKey(one) === workloadKey(target));
    if (!only || this.usesWaypoint()) return undefined;
    const bypass = `${caller?.name ?? "a pod outside the mesh"} bypasses ${waypointTitle(only.waypoint)}`;
    this.step(`${bypass}, and ${target.name} accepts requests from its waypoint only`, ["mesh", "waypoints"]);
    return "denied";
  }

  /** To a gateway, clients outside the mesh have no identity. Without rules it is open. */
  private authorizeAtGateway({ gateway }: Exposure): "denied" | undefined {
    const { names, accessRules, externalRules, tokenRules } = this.model;
    const target = names.target(workloadKey(gateway));
    this.steps.push(...limitSteps(ofTarget(this.model.rateLimits, target), target, this.request));
    if ([accessRules, externalRules, tokenRules].every((rules) => ofTarget<AnyRule>(rules, target).length === 0))
      return undefined;
    this.read();
    return this.authorize(target, anonymous(this.request), false);
  }

  /** In Istio's order: external authorization, tokens, DENY rules, ALLOW rules. */
  private authorize(target: PolicyTarget, request: ExplainedRequest, defaultDeny: boolean): "denied" | undefined {
    const { model } = this;
    const external = ofTarget(model.externalRules, target).find(({ settings }) => conditionsHold(settings, request));
    const provider = external?.settings.provider;
    if (external) this.step(`external authorizer ${provider} decides, and may deny it`, external.path);
    this.isUndecided ||= external !== undefined;
    const unmet = ofTarget(model.tokenRules, target).find((rules) => !meetsRequirements(rules, request));
    if (unmet) {
      this.step("it has no token, or not the required one: 403", unmet.path);
      return "denied";
    }
    const isRehearsed = ({ action, settings }: AccessRule) => settings.dryRun === true && action !== "AUDIT";
    const [rehearsed, rules] = partition(ofTarget(model.accessRules, target), isRehearsed);
    for (const rule of rehearsed.filter((one) => ruleMatches(one, request))) {
      this.step("a rule would match it, and is a dry run: only logged and counted", rule.path);
    }
    const matching = (action: AccessRule["action"]) =>
      rules.find((rule) => rule.action === action && ruleMatches(rule, request));
    const audit = matching("AUDIT");
    if (audit) this.step("an audit rule logs it", audit.path);
    const [deny, allow] = [matching("DENY"), matching("ALLOW")];
    const needsRule = defaultDeny || rules.some(({ action }) => action === "ALLOW");
    if (deny) this.step("a rule denies it: 403", deny.path);
    else if (!needsRule) this.step("no rule denies it, and the default is to allow");
    else if (allow) this.step("a rule allows it", allow.path);
    else {
      const { namespace, title } = target;
      const reason = defaultDeny ? `namespace ${namespace} denies by default` : `${title} has allow rules for others`;
      this.step(`no rule allows it, and ${reason}: 403`, ["security", "authorization"]);
    }
    if (model.dryRun) this.step("dry run: only logged and counted", ["security", "authorization", "dryRun"]);
    return !model.dryRun && (deny || (needsRule && !allow)) ? "denied" : undefined;
  }

  private explanations(rule: HttpRuleSettings): string[] {
    return fieldsOf(rule, this.model.gatewayApi).flatMap(({ explanation }) => explanation ?? []);
  }
}
