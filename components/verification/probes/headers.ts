import { workloadKey } from "../../model/names";
import { explain } from "../../../policies/explain/explain";
import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import type { Answer, Outcome, PlanContext, Probe, Series } from "../probe";
import { strangers } from "../access/clients";
import { re2Matches } from "../../shared/re2";
import { examples } from "../requests/drafts";
import { type Entry, type EntryRule, gatewayEntries, meshEntries } from "../requests/entries";
import { type Asked, takes, titleOfRequest } from "../requests/find";
import { destinationsOf, objectsOf, oneOf, type Part, partsOf } from "../requests/outcomes";
import { aloneWhere, controlFor, effectsFor, matchTitle, ruleTitle, sent } from "./routes";

type Changes = NonNullable<NonNullable<HttpRuleSettings["headers"]>["response"]>;
type Expected = NonNullable<Outcome["headers"]>;
type CorsPolicy = NonNullable<HttpRuleSettings["corsPolicy"]>;

/** What Envoy adds to every response from a server, whatever the application sends. */
const ofEveryResponse = "x-envoy-upstream-service-time";

/** Changes of response headers, and the answers to browsers about other origins. Request headers no client sees. */
export function headers(context: PlanContext): Probe[] {
  const { policies } = context.model;
  return [...meshEntries(policies), ...gatewayEntries(policies)].flatMap((entry) =>
    entry.rules.flatMap((taken) => {
      const { corsPolicy } = taken.rule;
      return [
        ...responseProbe(context, entry, taken),
        ...requestProbe(context, entry, taken),
        ...(corsPolicy ? [corsProbe(context, entry, taken, corsPolicy)] : []),
      ];
    }),
  );
}

function about(context: PlanContext, entry: Entry, taken: EntryRule, field: "response" | "request" | "corsPolicy") {
  return {
    name: `headers ${ruleTitle(entry, taken)} ${field}`,
    kind: "headers" as const,
    path: [...taken.path, ...(field === "corsPolicy" ? [field] : ["headers", field])],
    objects: objectsOf(context.model.policies, entry, taken),
  };
}

/** What a client sees of changes. What an application sends of its own is not known. */
function expectedOf({ set = {}, add = {}, remove = [] }: Changes = {}): Expected {
  const valueOf = (value: string) => (/%[^%]/.test(value.replaceAll("%%", "")) ? true : value.replaceAll("%%", "%"));
  const lower = (name: string) => name.toLowerCase();
  return Object.fromEntries([
    ...Object.keys(add).map((name): [string, string | boolean] => [lower(name), true]),
    ...Object.entries(set).map(([name, value]): [string, string | boolean] => [lower(name), valueOf(value)]),
    ...remove
      .map(lower)
      .flatMap((name): [string, string | boolean][] => (name === ofEveryResponse ? [[name, false]] : [])),
  ]);
}

function responseProbe(context: PlanContext, entry: Entry, taken: EntryRule): Probe[] {
  const { policies } = context.model;
  const { rule } = taken;
  const ofDestinations = rule.route ? destinationsOf(policies, taken).map(({ headers: one }) => one?.response) : [];
  const all = [rule.headers?.response, ...ofDestinations].flatMap((changes) => changes ?? []);
  if (all.length === 0) return [];
  const names = all.flatMap(({ set, add, remove = [] }) => [
    ...Object.keys({ ...set, ...add }),
    ...remove.map((name) => `no ${name}`),
  ]);
  const base = {
    ...about(context, entry, taken, "response"),
    expectation: `${rule.match ? `${matchTitle(rule)}: ` : ""}responses have ${[...new Set(names)].join(", ")}`,
  };
  if (all.every((changes) => Object.keys(expectedOf(changes)).length === 0)) {
    const notMeasurable = "whether the application sends what is removed is not known";
    return [{ ...base, series: [], notMeasurable }];
  }
  const { asked, reasons } = effectsFor(context, entry, taken);
  const [first] = asked;
  if (!first) return [{ ...base, series: [], notMeasurable: reasons.join("; ") }];
  // Outcomes are in the order of the destinations; an injected answer has the changes of the rule alone.
  const parts = partsOf(policies, taken, first).map((part, index): Part => {
    const expected = { ...expectedOf(rule.headers?.response), ...expectedOf(ofDestinations[index]) };
    return part.outcome.answers?.includes("fault")
      ? part
      : { ...part, outcome: { ...part.outcome, headers: expected } };
  });
  const changed = Object.keys(Object.assign({}, ...parts.map(({ outcome }) => outcome.headers)) as object);
  return [
    {
      ...base,
      ...aloneWhere(first),
      series: [{ ...sent(first, "effect"), expect: oneOf(parts) }, ...controls(context, entry, taken, changed)],
    },
  ];
}

/** A response without the changes: that of a request that the rule does not take, or that did not come by the gateway. */
function controls(context: PlanContext, entry: Entry, taken: EntryRule, changed: readonly string[]): Series[] {
  const control = controlFor(context, entry, taken);
  const plain = !control?.taken?.rule.headers && control?.taken && { asked: control.asked, parts: control.parts };
  const other = plain || (entry.exposed && pastTheGateway(context, taken));
  if (!other) return [];
  const expected = Object.fromEntries(changed.map((name) => [name, name === ofEveryResponse]));
  const parts = other.parts.map((part) => ({ ...part, outcome: { ...part.outcome, headers: expected } }));
  return [{ ...sent(other.asked, "control"), expect: oneOf(parts) }];
}

/**
 * From a sidecar straight to the service, which may also refuse it: its answer has passed a proxy either way. The sidecar of
 * a workload may not know the service.
 */
function pastTheGateway(context: PlanContext, { service }: EntryRule) {
  const { policies } = context.model;
  const { meshRules, ports } = service;
  const port = ports[0]?.port ?? 0;
  if (meshRules.length > 0 || service.dataPlane !== "sidecar") return undefined;
  const stranger = strangers(policies).find(({ question }) => question.client?.dataPlane === "sidecar");
  if (!stranger) return undefined;
  const to = workloadKey(service);
  const question = { ...stranger.question, to, method: "GET", path: "/", headers: {}, port };
  const explanation = explain(policies, question);
  const answers: readonly Answer[] =
    explanation.outcome === "passes" ? ["application"] : ["application", "denied", "token refused"];
  const asked: Asked = {
    client: stranger.client,
    clientTitle: stranger.title,
    request: { to: { kind: "service", namespace: service.namespace, name: service.name, port }, path: "/" },
    question,
    explanation,
    isLimited: service.trafficPolicy?.connectionPool !== undefined,
  };
  if (explanation.outcome !== "passes" && explanation.end?.by !== "server sidecar") return undefined;
  return { asked, parts: [{ share: 1, outcome: { title: `${service.name}, past the gateway`, answers } }] };
}

function requestProbe(context: PlanContext, entry: Entry, taken: EntryRule): Probe[] {
  const { rule } = taken;
  const ofDestinations = Array.isArray(rule.route) ? rule.route.flatMap(({ headers: one }) => one?.request ?? []) : [];
  if (!rule.headers?.request && ofDestinations.length === 0) return [];
  const notMeasurable = "only the application sees the headers of a request";
  const expectation = "requests have other headers";
  return [{ ...about(context, entry, taken, "request"), expectation, series: [], notMeasurable }];
}

/** A browser's question before a request from another origin, and such a request. */
function corsProbe(context: PlanContext, entry: Entry, taken: EntryRule, cors: CorsPolicy): Probe {
  const { policies } = context.model;
  const { rule, path } = taken;
  const isOrigin = (text: string) => /^[!-~]+$/.test(text);
  const origins = cors.allowOrigins.flatMap((match) => examples(match, isOrigin).at(-1) ?? []);
  const origin = origins[0] === "*" ? "https://talos-mesh-probe.test" : origins[0];
  const base = {
    ...about(context, entry, taken, "corsPolicy"),
    expectation: `${rule.match ? `${matchTitle(rule)}: ` : ""}browsers may send requests from ${origin}, and from no other`,
  };
  const { asked, reasons } = effectsFor(context, entry, taken);
  const [first] = asked;
  const notMeasurable = first ? "no example of its origins is known" : reasons.join("; ");
  if (!first || origin === undefined) return { ...base, series: [], notMeasurable };
  const from = (given: string, allowed: Expected, role: Series["role"]): Series => {
    const request = { ...first.request, headers: { ...first.request.headers, origin: given } };
    const parts = partsOf(policies, taken, first).map((part) => ({
      ...part,
      outcome: { ...part.outcome, headers: allowed },
    }));
    return { ...sent(first, role), title: titleOfRequest({ ...first, request }), request, expect: oneOf(parts) };
  };
  const other = "https://talos-mesh-probe.invalid";
  const isOpen = cors.allowOrigins.some((match) => examples(match, isOrigin).length > 0 && isLike(match, other));
  return {
    ...base,
    ...aloneWhere(first),
    series: [
      ...preflight(context, first, path, cors, origin),
      from(origin, { "access-control-allow-origin": origin }, "effect"),
      ...(isOpen ? [] : [from(other, { "access-control-allow-origin": false }, "control")]),
    ],
  };
}

function isLike({ exact, prefix, regex }: CorsPolicy["allowOrigins"][number], origin: string): boolean {
  if (regex !== undefined) return re2Matches(regex, origin);
  // Envoy takes an asterisk for any origin.
  return exact === undefined ? origin.startsWith(prefix ?? "") : exact === origin || exact === "*";
}

/** The proxy that has the rule answers it; a waypoint authorizes it before. */
function preflight(
  context: PlanContext,
  asked: Asked,
  rule: EntryRule["path"],
  cors: CorsPolicy,
  origin: string,
): Series[] {
  const { request, question, explanation } = asked;
  const asking = explain(context.model.policies, { ...question, method: "OPTIONS" });
  const isAnswered = takes(asking, rule) && (asking.outcome !== "denied" || explanation.outcome === "denied");
  if (!isAnswered) return [];
  const [method = "GET"] = cors.allowMethods ?? [];
  const own = { origin, "access-control-request-method": method };
  const sentRequest = { ...request, method: "OPTIONS", headers: { ...request.headers, ...own } };
  const expected: Expected = {
    "access-control-allow-origin": origin,
    ...(cors.allowMethods && { "access-control-allow-methods": true }),
    ...(cors.allowHeaders && { "access-control-allow-headers": true }),
    ...(cors.maxAge !== undefined && { "access-control-max-age": true }),
    ...(cors.allowCredentials && { "access-control-allow-credentials": "true" }),
  };
  const outcome: Outcome = { title: "the answer to a preflight", status: [200, 204], headers: expected };
  const title = titleOfRequest({ ...asked, request: sentRequest });
  return [{ ...sent(asked, "effect"), title, request: sentRequest, expect: { kind: "every", outcome } }];
}
