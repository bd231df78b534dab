import type { HttpRuleSettings, TrafficServiceSettings } from "../../components/settings/sections/traffic";
import { clusterHost, type MeshService } from "../resolve/resolved";
import { compileFaults } from "./faults";
import type { HttpMatch, HttpRoute, TlsRoute } from "./istio-object";

type Destination = NonNullable<NonNullable<HttpRoute["route"]>[number]["destination"]>;

type Fields = Required<HttpRuleSettings>;

/** How each field of a rule is said in Istio's API; a field of the settings without an entry does not compile. */
const fields: { readonly [Field in keyof Fields]: (value: Fields[Field], service: MeshService) => HttpRoute } = {
  name: (name) => ({ name }),
  match: (requests, service) => ({ match: requests.map((request) => httpMatch(request, service)) }),
  route: (weights, service) => ({ route: weightedRoute(weights, service) }),
  redirect: (redirect) => ({ redirect }),
  directResponse: ({ status, body }) => ({
    directResponse: { status, ...(body !== undefined && { body: { string: body } }) },
  }),
  rewrite: (rewrite) => ({ rewrite }),
  timeout: (timeout) => ({ timeout }),
  retries: (retries) => ({ retries }),
  fault: (fault) => ({ fault: compileFaults(fault) }),
  mirror: ({ subset, percentage }, service) => ({
    mirrors: [{ destination: destination(service, subset), percentage: { value: percentage } }],
  }),
  headers: (headers) => ({ headers }),
  corsPolicy: (corsPolicy) => ({ corsPolicy }),
};

/** A rule as Istio's HTTPRoute; without route, redirect or directResponse it goes to the service itself. */
export function httpRoute(rule: HttpRuleSettings, service: MeshService): HttpRoute {
  const route: HttpRoute = {};
  for (const field of fieldNames) Object.assign(route, compileField(field, rule, service));
  const answers = rule.route ?? rule.redirect ?? rule.directResponse;
  return answers ? route : { ...route, route: [{ destination: destination(service) }] };
}

/** TLS for these hosts, passed on as it comes: the service itself, or its subsets by weight. */
export function tlsRoute(
  { route }: NonNullable<TrafficServiceSettings["tls"]>,
  { port, sniHosts }: Required<Pick<TlsRoute["match"][number], "port" | "sniHosts">>,
  service: MeshService,
): TlsRoute {
  return {
    match: [{ port, sniHosts }],
    route: route ? weightedRoute(route, service) : [{ destination: destination(service) }],
  };
}

/** In the order of the subsets, so that the order of the weights' keys changes nothing. */
function weightedRoute(weights: Readonly<Record<string, number>>, service: MeshService) {
  return service.subsets.flatMap(({ name }) => {
    const weight = weights[name];
    return weight === undefined ? [] : [{ destination: destination(service, name), weight }];
  });
}

const fieldNames = Object.keys(fields) as (keyof HttpRuleSettings)[];

function compileField<Field extends keyof Fields>(
  field: Field,
  rule: { readonly [Name in keyof Fields]?: Fields[Name] },
  service: MeshService,
): HttpRoute {
  const value = rule[field];
  return value === undefined ? {} : fields[field](value, service);
}

function httpMatch(request: NonNullable<HttpRuleSettings["match"]>[number], service: MeshService): HttpMatch {
  const { sourceWorkload, ...match } = request;
  if (sourceWorkload === undefined) return match;
  return { ...match, sourceLabels: { app: sourceWorkload }, sourceNamespace: service.namespace };
}

function destination(service: MeshService, subset?: string): Destination {
  return { host: clusterHost(service), port: { number: service.port }, ...(subset !== undefined && { subset }) };
}
