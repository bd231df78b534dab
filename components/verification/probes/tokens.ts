import { type PolicyTarget, workloadKey } from "../../model/names";
import { targetPolicyName } from "../../model/object-names";
import type { PolicyModel, TokenRules } from "../../model/policies/policy-model";
import type { JwtSettings } from "../../settings/sections/security";
import { type Cell, cellOf, explainCell, hasStatus, seriesOf } from "../access/cells";
import { gatewayClients, strangers, workloadClients } from "../access/clients";
import { type AccessDraft, accessDrafts, isSafe } from "../access/drafts";
import { exampleOf, nested } from "../requests/drafts";
import type { Outcome, PlanContext, Probe, ProbeToken, Series } from "../probe";

/**
 * What a service does with tokens: without one, with one that is not valid in each way, with a valid one, and with a valid
 * one that lacks a claim. Only the valid ones, and those that are expired or for another audience, need the issuer's key.
 */
export function tokens(context: PlanContext): Probe[] {
  return context.model.policies.tokenRules.map((rules) => probeOf(context, rules));
}

function probeOf(context: PlanContext, rules: TokenRules): Probe {
  const { path, target, requirements, issuers } = rules;
  const name = `${target.namespace}/${targetPolicyName(target, "jwt")}`;
  const issuersOf = issuers.map(({ settings }) => settings);
  const unsigned = issuersOf.filter(({ issuer }) => !hasKey(context, issuer)).map(({ issuer }) => issuer);
  const left =
    unsigned.length > 0
      ? `; valid tokens of ${unsigned.join(", ")} are not measured: verification.tokens has no key`
      : "";
  const named = {
    name: `tokens ${target.kind === "workload" ? `${target.namespace}/${target.name}` : target.title}`,
    kind: "tokens" as const,
    path,
    objects: [`RequestAuthentication ${name}`, ...(requirements.length > 0 ? [`AuthorizationPolicy ${name}`] : [])],
    expectation: `tokens of ${issuersOf.map(({ issuer }) => issuer).join(", ")}, and no others, are accepted${left}`,
  };
  const base = baseOf(context, target);
  if (!base) return { ...named, series: [], notMeasurable: "no client is known whose requests reach it" };
  const { policies } = context.model;
  const series = [
    without(policies, base, requirements.length > 0 ? name : undefined),
    ...issuersOf.flatMap((settings) => [
      ...refused(context, base, settings),
      ...(hasKey(context, settings.issuer) ? valid(policies, base, settings, name) : []),
    ]),
  ];
  return { ...named, series: [...new Map(series.map((one) => [one.title, one])).values()] };
}

function hasKey({ settings }: Pick<PlanContext, "settings">, issuer: string): boolean {
  return settings.tokens.some((one) => one.issuer === issuer);
}

/**
 * A request that a valid token makes pass, or else one whose token a proxy of the target judges. Of a namespace or the mesh,
 * to the first workload that has one.
 */
function baseOf(context: PlanContext, target: PolicyTarget): Cell | undefined {
  const { model, settings } = context;
  const { policies } = model;
  const issuers = policies.tokenRules.flatMap((rules) => rules.issuers.map((one) => one.settings.issuer));
  // As if there were a key of each issuer.
  const tokensOf = issuers.map((issuer) => ({ issuer, signingKey: { secret: "none" } }));
  const signing: PlanContext = { model, settings: { ...settings, tokens: tokensOf } };
  const ofGateway = target.kind === "gateway";
  const workloads = ofGateway ? policies.workloads : target.workloads;
  const cells = workloads.flatMap((workload) => {
    const gateways = gatewayClients(policies, workload).filter(
      ({ entry }) => !ofGateway || entry?.exposed?.gateway.name === target.name,
    );
    const inMesh = ofGateway ? [] : [...workloadClients(policies), ...strangers(policies)];
    const drafts = accessDrafts(signing, workload, [policies.names.target(workloadKey(workload))]);
    const safe = drafts.filter(({ method }) => isSafe(method));
    return [...inMesh, ...gateways].flatMap((client) => safe.map((draft) => cellOf(policies, client, workload, draft)));
  });
  const needsToken = ({ client, workload, draft }: Cell) => {
    const { end } = explainCell(policies, { client, workload, draft: plainDraft(draft) });
    return end?.why === "token";
  };
  const passing = cells.filter(({ explanation, draft }) => !explanation.end && draft.claims);
  const judged = cells.filter(
    ({ explanation: { end, ...others } }) => !end || (end.by !== "client sidecar" && hasStatus({ end, ...others })),
  );
  return passing.find(needsToken) ?? passing[0] ?? judged[0];
}

type Unsigned = Omit<AccessDraft, "claims" | "token">;

function plainDraft({ label, method, path, headers, port }: AccessDraft): Unsigned {
  return { label, method, path, headers, port };
}

function without(model: PolicyModel, { client, workload, draft }: Cell, policy: string | undefined): Series {
  const cell = cellOf(model, client, workload, plainDraft(draft));
  const isRefused = cell.explanation.end?.why === "token";
  const outcome: Outcome | undefined = isRefused
    ? { title: "403: it has no token", answers: ["denied"], status: [403], ...(policy !== undefined && { policy }) }
    : undefined;
  return titled(outcome ? seriesOf(cell, [], model, outcome) : seriesOf(cell, [], model), "no token");
}

const unauthorized: Outcome = { title: "401: its token is not valid", answers: ["token refused"], status: [401] };

const wrongs: Readonly<Record<NonNullable<ProbeToken["wrong"]>, string>> = {
  malformed: "malformed token in place of one",
  expired: "expired token",
  issuer: "token of another issuer in place of one",
  audience: "token for another audience",
  signature: "badly signed token",
};

/** Without a key of the issuer: no proxy takes a token for malformed, of another issuer or badly signed by mistake. */
function refused(context: PlanContext, cell: Cell, settings: JwtSettings): Series[] {
  const { policies } = context.model;
  const { issuer, audiences } = settings;
  const always = ["malformed", "issuer", "signature"] as const;
  const signed = audiences.length > 0 ? (["expired", "audience"] as const) : (["expired"] as const);
  const all = [...always, ...(hasKey(context, issuer) ? signed : [])];
  const [usual] = placesOf(settings);
  const inUsual = all.map((wrong) => ({ wrong, place: usual }));
  const elsewhere = placesOf(settings)
    .slice(1)
    .map((place) => ({ wrong: "malformed" as const, place }));
  return [...inUsual, ...elsewhere].map(({ wrong, place }) => {
    const token: ProbeToken = { ...tokenOf(settings, {}, place), wrong };
    const question = { ...cell, draft: { ...plainDraft(cell.draft), token } };
    const series = seriesOf(question, [], policies, unauthorized);
    const title = `${wrongs[wrong]} of ${issuer}${place ? ` in ${placeTitle(place)}` : ""}`;
    return { ...titled(series, title), refutedBy: ["denied"] as const };
  });
}

function valid(model: PolicyModel, cell: Cell, settings: JwtSettings, policy: string): Series[] {
  const { issuer, requireClaims = {} } = settings;
  const required = Object.fromEntries(
    Object.entries(requireClaims).map(([name, [first = ""]]) => [name, exampleOf(first)]),
  );
  const all = { ...cell.draft.claims, sub: "anyone", ...required, iss: issuer };
  const ask = (claims: Readonly<Record<string, string>>, place: Place | undefined) => {
    const draft = { ...plainDraft(cell.draft), claims, token: tokenOf(settings, claims, place) };
    return cellOf(model, cell.client, cell.workload, draft);
  };
  const passing = placesOf(settings).map((place) => {
    const asked = ask(all, place);
    const title = `valid token of ${issuer}${place ? ` in ${placeTitle(place)}` : ""}`;
    return { ...titled(seriesOf(asked, [], model), title), refutedBy: ["token refused"] as const };
  });
  // The issuer is no claim that can be left out.
  const lacking = Object.keys(required)
    .filter((name) => name !== "iss")
    .flatMap((name) => {
      const claims = Object.fromEntries(Object.entries(all).filter(([one]) => one !== name));
      const asked = ask(claims, placesOf(settings)[0]);
      if (asked.explanation.end?.why !== "token") return [];
      const outcome: Outcome = { title: `403: its token has no ${name}`, answers: ["denied"], status: [403], policy };
      return [titled(seriesOf(asked, [], model, outcome), `token of ${issuer} without ${name}`)];
    });
  return [...passing, ...lacking];
}

type Place = NonNullable<ProbeToken["in"]>;

/** Where tokens of an issuer are read; undefined for the header Authorization. */
function placesOf({ fromHeaders = [], fromParams = [], fromCookies = [] }: JwtSettings): (Place | undefined)[] {
  const places = [
    ...fromHeaders.map(({ name, prefix }) => ({ header: name, ...(prefix !== undefined && { prefix }) })),
    ...fromParams.map((param) => ({ param })),
    ...fromCookies.map((cookie) => ({ cookie })),
  ];
  return places.length > 0 ? places : [undefined, { param: "access_token" }];
}

function placeTitle(place: Place): string {
  return "header" in place
    ? `header ${place.header}`
    : "param" in place
      ? `parameter ${place.param}`
      : `cookie ${place.cookie}`;
}

function tokenOf(
  { issuer, audiences }: JwtSettings,
  claims: Readonly<Record<string, string>>,
  place: Place | undefined,
): ProbeToken {
  const own = Object.fromEntries(Object.entries(claims).filter(([name]) => name !== "iss" && name !== "aud"));
  return {
    issuer,
    ...(audiences.length > 0 && { audiences }),
    ...(Object.keys(own).length > 0 && { claims: nested(own) }),
    ...(place && { in: place }),
  };
}

function titled(series: Series, what: string): Series {
  return { ...series, title: `${series.title}, ${what}` };
}
