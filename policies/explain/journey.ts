import { type PolicyTarget, workloadKey } from "../../components/model/names";
import type { AccessRule, ExternalRule, PolicyModel, RouteTarget } from "../../components/model/policies/policy-model";
import { RouteTargets } from "../../components/model/policies/route-targets";
import type { TlsRuleSettings } from "../../components/settings/sections/connection-rule";
import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import type { SettingPath } from "../../components/shared/problem";
import { throwUnknown } from "../../components/shared/unknown";
import { isHttp, onlyPort, type ServicePort } from "../../components/shared/workload";
import { type NamedDestination, routeEntries } from "../destinations";
import { fieldsOf } from "../http-rules";
import { conditionsHold, matches, meetsRequirements, ruleMatches, withoutHttp } from "./conditions";
import { connectionRule, connectionTitle } from "./connections";
import { type ExplainedRequest, normalized, sentOn, type Step } from "./request";
import { ofTarget, type OwnedRule, partition } from "./rules";

/** `passes`: it reaches a pod of the service, or the host. `answered`: a rule has a proxy answer it. */
export type Outcome = "passes" | "answered" | "no route" | "denied" | "unknown";

/** What a client sees of a refusal: a status of HTTP, or that its connection is closed. */
export type Answer = 401 | 403 | 404 | 502 | "reset";

/** What ends a request before the application. `network` is what enforces NetworkPolicy. */
export interface End {
  readonly by: "client sidecar" | "server sidecar" | "gateway" | "waypoint" | "ztunnel" | "network";
  readonly why: "authorization" | "token" | "mtls" | "bypass" | "no route" | "rule" | "egress";
}

/** What a proxy that authorizes requests reads. */
export interface Authorizer {
  readonly target: PolicyTarget;
  /** Without requests to answer, it closes the connection. */
  readonly readsHttp: boolean;
  /** Why a request needs an allow rule, where allow rules of the settings are not the reason. */
  readonly closed?: string | undefined;
  /** What egress rules say at a gateway or waypoint; they are never a dry run. */
  readonly egress?: { readonly object: string; readonly allowedBy?: SettingPath | undefined } | undefined;
}

/**
 * Follows a request from proxy to proxy, each of which reads what the one before it sent on; a method that returns an
 * outcome ends the journey.
 */
export abstract class Journey {
  readonly steps: Step[] = [];
  /** Where it does not get through, what the client sees: one of these. */
  answers: readonly Answer[] = [];
  /** Without it, nothing ends it, or that is not known. */
  end: End | undefined;
  /** The rules that were applied, in order. */
  readonly applied: OwnedRule[] = [];
  /** Where it is. */
  protected at: End["by"] = "client sidecar";
  /** Whether an external authorizer decides. */
  protected isUndecided = false;
  protected readonly targets: RouteTargets;

  protected constructor(
    protected readonly model: PolicyModel,
    /** As the next proxy reads it. */
    protected request: ExplainedRequest,
  ) {
    this.targets = RouteTargets.of(model);
  }

  abstract outcome(): Outcome;

  /** Where the routes so far send it. */
  protected abstract get destination(): RouteTarget;

  /** Where a rule leads to other services than the destination. */
  protected abstract redirect(next: RouteTarget): void;

  protected step(what: string, path?: SettingPath): void {
    this.steps.push(path ? { what, path } : { what });
  }

  protected refuse(outcome: "denied" | "no route", why: End["why"], ...answers: readonly Answer[]): typeof outcome {
    this.answers = answers;
    this.end = { by: this.at, why };
    return outcome;
  }

  /** A proxy that reads HTTP normalizes the path, and sends that on. */
  protected read(): void {
    const { path } = this.request;
    const { pathNormalization } = this.model;
    this.request = normalized(this.request, pathNormalization);
    if (this.request.path === path) return;
    this.step(`its path is read as ${this.request.path} (${pathNormalization})`, ["mesh", "pathNormalization"]);
  }

  /** In the mesh, a connection that no rule takes goes to the service itself. */
  protected applyConnections(rules: readonly TlsRuleSettings[], path: SettingPath, owner: RouteTarget): undefined {
    const host = this.request.headers.get("host");
    const found = connectionRule(rules, this.request, host === this.destination.name ? undefined : host);
    if (found) {
      this.step(connectionTitle(found.rule), [...path, found.index]);
      this.follow(found.rule.route, { owner }, isConnection);
      return;
    }
    const reason = rules.length === 0 ? "no route is set" : "no rule takes its connection";
    this.step(`${reason}: it goes to the service itself`);
  }

  protected applyRules(rules: readonly OwnedRule[], from: SettingPath): Outcome | undefined {
    this.read();
    if (rules.length === 0) {
      this.step("no route is set: it goes to the service itself");
      return undefined;
    }
    const matched = ({ match }: HttpRuleSettings) => match?.find((one) => matches(one, this.request));
    const found = rules.find(({ rule }) => !rule.match || matched(rule));
    if (!found) {
      this.step("no rule matches it: 404", from);
      return this.refuse("no route", "no route", 404);
    }
    this.applied.push(found);
    const { rule, path, owner } = found;
    const { fault, ...others } = rule;
    const answer = rule.redirect ?? rule.directResponse;
    const itself = workloadKey(owner) === workloadKey(this.destination) ? "the service itself" : owner.name;
    const toService = rule.route || answer ? [] : [`it goes to ${itself}`];
    this.step([...toService, ...this.explanations(others)].join(" "), path);
    for (const faults of this.explanations({ fault })) this.step(faults, [...path, "fault"]);
    if (answer) this.end = { by: this.at, why: "rule" };
    if (answer) return "answered";
    const before = this.request.path;
    this.request = sentOn(this.request, rule, matched(rule));
    if (this.request.path !== before) this.step(`its path becomes ${this.request.path}`, [...path, "rewrite"]);
    this.follow(rule.route, found);
    return undefined;
  }

  /** To the other service, where a rule leads to no pod of the destination; and to the port that it names. */
  protected follow(
    route: HttpRuleSettings["route"],
    { owner, port }: Pick<OwnedRule, "owner" | "port">,
    isMeant: (port: ServicePort) => boolean = isHttp,
  ): void {
    const sent = route ? routeEntries(route, owner).filter(({ weight = 100 }) => weight > 0) : [{}];
    const services = sent.map((named: NamedDestination) => ({
      target: this.targets.find(owner, named) ?? throwUnknown(),
      port: named.port ?? (named.host === undefined ? port : undefined),
    }));
    const same = services.find(({ target }) => isSame(target, this.destination));
    const next = same ?? services[0];
    if (!next) return;
    if (!same) this.redirect(next.target);
    const { ports } = next.target;
    const usual = same ? this.request.port : (onlyPort(ports, isMeant) ?? ports[0]?.port ?? this.request.port);
    this.request = { ...this.request, port: next.port ?? usual };
  }

  /** In Istio's order: external authorization, tokens, DENY rules, ALLOW rules. */
  protected authorize(
    { target, readsHttp, closed, egress }: Authorizer,
    request: ExplainedRequest,
  ): "denied" | undefined {
    const { model } = this;
    const ruled = ofTarget(model.accessRules, target);
    const [answer, answered] = readsHttp ? ([403, "403"] as const) : (["reset", "its connection is closed"] as const);
    const deny = (why: End["why"] = "authorization", seen: Answer = answer) => {
      this.refuse("denied", why, seen);
      return "denied" as const;
    };
    const judged = <Rule extends AccessRule | ExternalRule>(all: readonly Rule[]) =>
      readsHttp ? all : all.flatMap(withoutHttp);
    const external = judged(ofTarget(model.externalRules, target)).find(({ settings }) =>
      conditionsHold(settings, request),
    );
    const provider = external?.settings.provider;
    if (external) this.step(`external authorizer ${provider} decides, and may deny it`, external.path);
    this.isUndecided ||= external !== undefined;
    const tokens = ofTarget(model.tokenRules, target).find(({ issuers }) => issuers.length > 0);
    if (tokens && request.hasInvalidToken && readsHttp) {
      this.step("its token is not valid: 401", tokens.path);
      return deny("token", 401);
    }
    const unmet = ofTarget(model.tokenRules, target).find((rules) => !meetsRequirements(rules, request));
    // A connection without HTTP has no token, and needs none.
    if (unmet && readsHttp) {
      this.step("it has no token, or not the required one: 403", unmet.path);
      return deny("token");
    }
    const isRehearsed = ({ action, settings }: AccessRule) => settings.dryRun === true && action !== "AUDIT";
    const [rehearsed, rules] = partition(judged(ruled), isRehearsed);
    for (const rule of rehearsed.filter((one) => ruleMatches(one, request))) {
      this.step("a rule would match it, and is a dry run: only logged and counted", rule.path);
    }
    const matching = (action: AccessRule["action"]) =>
      rules.find((rule) => rule.action === action && ruleMatches(rule, request));
    const audit = matching("AUDIT");
    if (audit) this.step("an audit rule logs it", audit.path);
    const [denying, allowing] = [matching("DENY"), matching("ALLOW")];
    const needsRule = closed !== undefined || ruled.some((rule) => rule.action === "ALLOW" && !isRehearsed(rule));
    const allowedBy = egress?.allowedBy ?? allowing?.path;
    if (denying) this.step(`a rule denies it: ${answered}`, denying.path);
    else if (!needsRule && !egress) this.step("no rule denies it, and the default is to allow");
    else if (allowedBy) this.step(egress?.allowedBy ? `${egress.object} allows it` : "a rule allows it", allowedBy);
    else if (egress) this.step(`${egress.object} does not allow it: ${answered}`, ["security", "egress", "allow"]);
    else {
      const reason = closed ?? `${target.title} has allow rules for others`;
      this.step(`no rule allows it, and ${reason}: ${answered}`, ["security", "authorization"]);
    }
    if (model.dryRun) this.step("dry run: only logged and counted", ["security", "authorization", "dryRun"]);
    const isClosed = model.dryRun ? egress && !egress.allowedBy : (needsRule || egress) && !allowedBy;
    if (denying && !model.dryRun) return deny();
    return isClosed ? deny(egress ? "egress" : "authorization") : undefined;
  }

  protected explanations(rule: HttpRuleSettings): string[] {
    return fieldsOf(rule, this.model.gatewayApi).flatMap(({ explanation }) => explanation ?? []);
  }
}

/** Whether proxies read nothing of what goes to a port. */
export function isConnection(port: ServicePort): boolean {
  return !isHttp(port);
}

function isSame(one: RouteTarget, other: RouteTarget): boolean {
  return one.host === other.host && workloadKey(one) === workloadKey(other);
}
