import type { HttpRuleSettings, TrafficServiceSettings } from "../../components/settings/sections/traffic";
import { clusterHost, type MeshService } from "../resolve/resolved";
import { compileFaults } from "./faults";
import type { HttpMatch, HttpRoute, TlsRoute } from "./istio-object";

type Destination = NonNullable<NonNullable<HttpRoute["route"]>[number]["destination"]>;

type Fields = Required<HttpRuleSettings>;

/** How a version of a service is reached: as a subset of its host, or under a host of its own. */
export type ToSubset = (subset: string, service: MeshService) => Pick<Destination, "host" | "subset">;

const asSubset: ToSubset = (subset, service) => ({ host: clusterHost(service), subset });

interface Context {
  readonly service: MeshService;
  readonly toSubset: ToSubset;
}

/** How each field of a rule is said in Istio's API; a field of the settings without an entry does not compile. */
const fields: { readonly [Field in keyof Fields]: (value: Fields[Field], context: Context) => HttpRoute } = {
  name: (name) => ({ name }),
  match: (requests, { service }) => ({ match: requests.map((request) => httpMatch(request, service)) }),
  route: (weights, context) => ({ route: weightedRoute(weights, context) }),
  redirect: (redirect) => ({ redirect }),
  directResponse: ({ status, body }) => ({
    directResponse: { status, ...(body !== undefined && { body: { string: body } }) },
  }),
  rewrite: (rewrite) => ({ rewrite }),
  timeout: (timeout) => ({ timeout }),
  retries: (retries) => ({ retries }),
  fault: (fault) => ({ fault: compileFaults(fault) }),
  mirror: ({ subset, percentage }, context) => ({
    mirrors: [{ destination: destination(context, subset), percentage: { value: percentage } }],
  }),
  headers: (headers) => ({ headers }),
  corsPolicy: (corsPolicy) => ({ corsPolicy }),
};

/** A rule as Istio's HTTPRoute; without route, redirect or directResponse it goes to the service itself. */
export function httpRoute(rule: HttpRuleSettings, service: MeshService, toSubset: ToSubset = asSubset): HttpRoute {
  const context = { service, toSubset };
  const route: HttpRoute = {};
  for (const field of fieldNames) Object.assign(route, compileField(field, rule, context));
  const answers = rule.route ?? rule.redirect ?? rule.directResponse;
  return answers ? route : { ...route, route: [{ destination: destination(context) }] };
}

/** TLS for these hosts, passed on as it comes: the service itself, or its subsets by weight. */
export function tlsRoute(
  { route }: NonNullable<TrafficServiceSettings["tls"]>,
  { port, sniHosts }: Required<Pick<TlsRoute["match"][number], "port" | "sniHosts">>,
  service: MeshService,
): TlsRoute {
  const context = { service, toSubset: asSubset };
  return {
    match: [{ port, sniHosts }],
    route: route ? weightedRoute(route, context) : [{ destination: destination(context) }],
  };
}

/** In the order of the subsets, so that the order of the weights' keys changes nothing. */
function weightedRoute(weights: Readonly<Record<string, number>>, context: Context) {
  return context.service.subsets.flatMap(({ name }) => {
    const weight = weights[name];
    return weight === undefined ? [] : [{ destination: destination(context, name), weight }];
  });
}

const fieldNames = Object.keys(fields) as (keyof HttpRuleSettings)[];

function compileField<Field extends keyof Fields>(
  field: Field,
  rule: { readonly [Name in keyof Fields]?: Fields[Name] },
  context: Context,
): HttpRoute {
  const value = rule[field];
  return value === undefined ? {} : fields[field](value, context);
}

function httpMatch(request: NonNullable<HttpRuleSettings["match"]>[number], service: MeshService): HttpMatch {
  const { sourceWorkload, ...match } = request;
  if (sourceWorkload === undefined) return match;
  return { ...match, sourceLabels: { app: sourceWorkload }, sourceNamespace: service.namespace };
}

function destination({ service, toSubset }: Context, name?: string): Destination {
  const { host, subset }: ReturnType<ToSubset> =
    name === undefined ? { host: clusterHost(service) } : toSubset(name, service);
  return { host, port: { number: service.port }, ...(subset !== undefined && { subset }) };
}
