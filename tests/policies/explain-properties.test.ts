import assert from "node:assert/strict";
import fc from "fast-check";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { compilePolicies } from "../../policies/compile";
import { explain, type Question } from "../../policies/explain/explain";
import { type PolicySettings, shopModel } from "../support/policy-models";

const names = ["front", "reviews", "ratings"];
const paths = ["/", "/a", "/a/b", "/admin", "/admin/x"];
const methods = ["GET", "POST"] as const;

interface Matcher {
  readonly exact?: string;
  readonly prefix?: string;
}
type Fields = Readonly<Record<string, readonly string[] | undefined>>;
interface Manifest {
  readonly selector?: { readonly matchLabels: { readonly app: string } };
  readonly action?: string;
  readonly rules?: readonly {
    readonly from?: readonly { readonly source: Fields }[];
    readonly to?: readonly { readonly operation: Fields }[];
    readonly when?: readonly {
      readonly key: string;
      readonly values?: readonly string[];
      readonly notValues?: readonly string[];
    }[];
  }[];
  readonly hosts?: readonly string[];
  readonly http?: readonly {
    readonly match?: readonly { readonly uri?: Matcher; readonly headers?: Record<string, Matcher> }[];
    readonly directResponse?: object;
  }[];
}

/** A value of an AuthorizationPolicy, by Istio's reference. */
function star(pattern: string, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (pattern === "*") return text !== "";
  if (pattern.startsWith("*")) return text.endsWith(pattern.slice(1));
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : pattern === text;
}

/** What the compiled objects do to a request between two sidecars, by Istio's documentation. */
function interpret(
  objects: readonly KubernetesObject[],
  { from, to, method, path, headers, claims }: Question,
): string {
  const specs = (kind: string) => objects.filter((object) => object.kind === kind).map(({ spec }) => spec as Manifest);
  const fits = ({ exact, prefix }: Matcher, text = "") =>
    exact === undefined ? text.startsWith(prefix ?? "") : text === exact;
  const route = specs("VirtualService").find(({ hosts }) => hosts?.includes(`${to}.shop.svc.cluster.local`));
  if (route?.http) {
    const taken = route.http.find(
      ({ match }) =>
        match?.some(
          (one) =>
            (!one.uri || fits(one.uri, path)) &&
            Object.entries(one.headers ?? {}).every(([name, value]) => name in headers && fits(value, headers[name])),
        ) ?? true,
    );
    if (!taken) return "no route";
    if (taken.directResponse) return "answered";
  }
  const policies = specs("AuthorizationPolicy").filter(({ selector }) => (selector?.matchLabels.app ?? to) === to);
  const { iss, sub }: Record<string, string | undefined> = { sub: "anyone", ...claims };
  const seen: Readonly<Record<string, string | undefined>> = {
    principals: `cluster.local/ns/shop/sa/${from}-account`,
    namespaces: "shop",
    requestPrincipals: iss && `${iss}/${sub}`,
    methods: method,
    paths: path,
    hosts: headers.host ?? to,
    ports: "9080",
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [`request.headers[${name}]`, value])),
    ...Object.fromEntries(
      Object.entries(claims ?? {}).map(([name, value]) => [
        `request.auth.claims[${name.replace(/^(\w+)/, "$1]").replace(/]$/, "")}]`,
        value,
      ]),
    ),
  };
  const meets = (fields: Fields) =>
    Object.entries(fields).every(([field, values]) => {
      const name = field.replace(/^not(.)/, (_, first: string) => first.toLowerCase());
      return name === field || values === undefined
        ? (values?.some((value) => star(value, seen[name])) ?? true)
        : !values.some((value) => star(value, seen[name]));
    });
  const holds = (action: string) =>
    policies
      .filter((policy) => (policy.action ?? "ALLOW") === action)
      .flatMap(({ rules = [] }) => rules)
      .some(
        ({ from: sources, to: operations, when = [] }) =>
          (sources?.some(({ source }) => meets(source)) ?? true) &&
          (operations?.some(({ operation }) => meets(operation)) ?? true) &&
          when.every(
            ({ key, values, notValues }) =>
              (values?.some((value) => star(value, seen[key])) ?? true) &&
              !notValues?.some((value) => star(value, seen[key])),
          ),
      );
  if (holds("DENY")) return "denied";
  const allows = policies.some(({ action = "ALLOW" }) => action === "ALLOW");
  return !allows || holds("ALLOW") ? "passes" : "denied";
}

const some = <Value>(...values: Value[]) => fc.subarray(values, { minLength: 1 });
const issuers = ["https://a.example", "https://b.example"];
const conditions = {
  methods: some(...methods),
  paths: some("/a", "/a/*", "/admin*", "*/x", "*"),
  hosts: some("shop.example.com", "*.example.org", "ratings"),
  headers: fc.constantFrom<Record<string, string[]>>({ "x-team": ["red"] }, { "x-team": ["*"] }),
  ports: some(9080, 9090),
};
const identities = {
  from: some(...names),
  fromNamespaces: some("shop", "sh*", "other"),
  principals: some("*/sa/front-account", "partner.example/*"),
  requestPrincipals: some(`${issuers[0]}/*`, `${issuers[1]}/anyone`, "*"),
  claims: fc.constantFrom<Record<string, string[]>>({ role: ["admin"] }, { "realm[role]": ["admin", "clerk"] }),
};
const positive = { ...conditions, ...identities };
const opposites = Object.fromEntries(
  Object.entries(positive).map(([name, values]) => [`not${name[0]?.toUpperCase()}${name.slice(1)}`, values]),
) as { [Name in keyof typeof positive as `not${Capitalize<Name>}`]: (typeof positive)[Name] };
/** A few conditions at a time, so that many rules match. */
const rule = fc
  .tuple(
    fc.constantFrom(...names, "shop/*", "*", "shop/front"),
    fc.record({ ...positive, ...opposites }),
    fc.subarray(Object.keys({ ...positive, ...opposites }), { maxLength: 3 }),
  )
  .map(([to, all, chosen]) => ({
    to,
    ...Object.fromEntries(Object.entries(all).filter(([name]) => chosen.includes(name))),
  }));
const matcher = fc.oneof(
  fc.record({ exact: fc.constantFrom(...paths) }),
  fc.record({ prefix: fc.constantFrom("/", "/a", "/admin/") }),
);
const route = fc.record(
  {
    match: fc.array(
      fc.record(
        { uri: matcher, headers: fc.constant<Record<string, Matcher>>({ "x-team": { exact: "red" } }) },
        { requiredKeys: ["uri"] },
      ),
      {
        minLength: 1,
        maxLength: 2,
      },
    ),
    directResponse: fc.constant({ status: 410 }),
  },
  { requiredKeys: [] },
);
const settings: fc.Arbitrary<PolicySettings> = fc.record({
  traffic: fc.record({
    services: fc
      .subarray(names)
      .chain((hosts) =>
        fc.tuple(
          ...hosts.map((host) => fc.record({ host: fc.constant(host), http: fc.array(route, { maxLength: 3 }) })),
        ),
      ),
  }),
  security: fc.record({
    authorization: fc.record({
      default: fc.constantFrom("deny" as const, "allow" as const),
      allow: fc.array(rule, { maxLength: 3 }),
      deny: fc.array(rule, { maxLength: 2 }),
    }),
  }),
});
const question: fc.Arbitrary<Question> = fc.record({
  from: fc.constantFrom(...names),
  to: fc.constantFrom(...names),
  method: fc.constantFrom(...methods),
  path: fc.constantFrom(...paths),
  headers: fc.constantFrom<Record<string, string>>(
    {},
    { "x-team": "red" },
    { "x-team": "blue", host: "shop.example.com:8080" },
    { host: "a.example.org" },
  ),
  claims: fc.constantFrom<Question["claims"][]>(
    undefined,
    { iss: "https://a.example", role: "admin" },
    { iss: "https://b.example", "realm[role]": "clerk" },
  ),
});

describe("the explanation of any request", () => {
  it("agrees with a simple interpretation of the compiled objects, for any policies", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(settings, question, (given, request) => {
        const model = shopModel(given);
        const expected = interpret(compilePolicies(model), request);
        seen.set(expected, (seen.get(expected) ?? 0) + 1);
        assert.equal(explain(model, request).outcome, expected);
      }),
      { seed: 6, numRuns: 1000 },
    );
    for (const outcome of ["passes", "denied", "no route", "answered"]) {
      assert.ok((seen.get(outcome) ?? 0) > 20, `${outcome} was hardly generated: ${seen.get(outcome)}`);
    }
  });
});
