import { asTree, isTree, type Tree, treesIn } from "../../components/shared/merge";
import { own } from "../../components/shared/own";
import { canonical, defaultNamespace, fullName, gatewayName, sorted, text, texts, without } from "./canonical";
import type { Manifest } from "./corpus";

export type Fact = readonly [key: string, ...values: unknown[]];

/** Where requests go: VirtualService, the routes of Gateway API, and the subsets of DestinationRule. */
export class Routing {
  private readonly subsets = new Map<string, Tree>();
  private readonly routed = new Set<string>();

  /** @param ports port numbers of Services by full name: the port of a Service that has only one need not be named */
  constructor(
    manifests: readonly Manifest[],
    private readonly ports: ReadonlyMap<string, readonly number[]>,
  ) {
    for (const { kind, namespace, spec } of manifests) {
      const host = fullName(spec.host, namespace);
      for (const subset of kind === "DestinationRule" ? treesIn(spec.subsets) : []) {
        this.subsets.set(`${host} ${text(subset.name)}`, subset);
      }
    }
  }

  /** Whether a route leads to the Service, or to one of a version (`reviews-v1`); of those that were read so far. */
  isRouted(host: string): boolean {
    const [name = "", ...domain] = host.split(".");
    const ofVersion = (other: string) => other.startsWith(`${name}-`) && other.endsWith(`.${domain.join(".")}`);
    return this.routed.has(host) || [...this.routed].some(ofVersion);
  }

  /** Rules by gateway and host, in order. */
  *virtualService({ namespace, spec }: Manifest): Iterable<Fact> {
    const exportTo = spec.exportTo === undefined ? "" : ` exported to ${canonical(spec.exportTo)}`;
    for (const gateway of texts(spec.gateways ?? ["mesh"])) {
      for (const name of texts(spec.hosts)) {
        const host = gateway === "mesh" ? fullName(name, namespace) : name;
        const rules = ["http", "tls", "tcp"].flatMap((protocol) =>
          treesIn(own(spec, protocol)).flatMap((rule): Tree[] => {
            const all = rule.match === undefined ? [{}] : treesIn(rule.match);
            const here = all.filter((match) => match.gateways === undefined || texts(match.gateways).includes(gateway));
            const matches = anyOf(here.flatMap((match) => this.match(match, gateway === "mesh" ? host : undefined)));
            return here.length === 0 ? [] : [{ protocol, matches, does: this.action(rule, namespace) }];
          }),
        );
        yield [`route ${gatewayName(gateway)} ${host}${exportTo}`, ...rules];
      }
    }
  }

  private match(match: Tree, host: string | undefined): Tree[] {
    const one = {
      ...without(match, "gateways", "sniHosts"),
      uri: asTree(match.uri).prefix === "/" ? undefined : match.uri,
      port: host !== undefined && this.isOnlyPort(host, match.port) ? undefined : match.port,
    };
    return match.sniHosts === undefined ? [one] : texts(match.sniHosts).map((sni) => ({ ...one, sni }));
  }

  private isOnlyPort(host: string, port: unknown): boolean {
    const ports = this.ports.get(host) ?? [];
    return ports.length === 1 && ports[0] === port;
  }

  /** What a rule of a VirtualService does with a request; its name is for statistics only. */
  private action(rule: Tree, namespace: string | undefined): Tree {
    const { route, mirror, mirrorPercentage, mirrors, fault } = rule;
    const mirrored = [...(mirror ? [{ destination: mirror, percentage: mirrorPercentage }] : []), ...treesIn(mirrors)];
    const faults = Object.entries(asTree(fault)).map(([kind, one]): [string, Tree] => [
      kind,
      { percentage: { value: 100 }, ...asTree(one) },
    ]);
    const routes = treesIn(route).map(({ destination, weight, headers }, _index, { length }) => {
      return { ...this.destination(destination, namespace), headers, weight: length > 1 ? weight : undefined };
    });
    return {
      ...without(rule, "match", "name", "mirror", "mirrorPercentage"),
      route: routes.length === 0 ? undefined : sorted(routes),
      fault: faults.length === 0 ? undefined : Object.fromEntries(faults),
      mirrors:
        mirrored.length === 0
          ? undefined
          : mirrored.map(({ destination, percentage = { value: 100 } }) => {
              return { ...this.destination(destination, namespace), percentage };
            }),
    };
  }

  /** A subset by its labels; one without labels, which only has a policy of its own, by that policy. */
  private destination(destination: unknown, namespace: string | undefined): Tree {
    const { host: name, subset, port } = asTree(destination);
    const host = fullName(name, namespace);
    this.routed.add(host);
    const { number } = asTree(port);
    const at = this.isOnlyPort(host, number) ? undefined : number;
    if (subset === undefined) return { host, port: at };
    const defined = this.subsets.get(`${host} ${text(subset)}`);
    if (defined && defined.labels === undefined) return { host, port: at, policy: defined.trafficPolicy };
    return { host, port: at, labels: defined?.labels ?? { version: subset } };
  }

  /** Rules of a route of Gateway API by parent and host name; their order is not that of the file. */
  *route({ kind, namespace, spec }: Manifest): Iterable<Fact> {
    const parents = treesIn(spec.parentRefs).map(
      ({ kind: parent = "Gateway", name, port, namespace: own = namespace }) => {
        if (parent === "Gateway") return `gateway ${gatewayName(name)}`;
        if (parent === "ServiceEntry") return "external host";
        const host = fullName(name, own);
        this.routed.add(host);
        return port === undefined || this.isOnlyPort(host, port) ? host : `${host} port ${text(port)}`;
      },
    );
    const rules = treesIn(spec.rules).map((rule) => this.routeRule(rule, namespace));
    for (const parent of new Set(parents)) {
      for (const hostname of texts(spec.hostnames ?? ["*"])) yield [`${kind} ${parent} ${hostname}`, ...rules];
    }
  }

  private routeRule(rule: Tree, namespace: string | undefined): Tree {
    const backends = treesIn(rule.backendRefs).map((ref, _index, { length }) => {
      return { ...this.backend(ref, namespace), weight: length > 1 ? (ref.weight ?? 1) : undefined };
    });
    const filters = treesIn(rule.filters).map((filter) => {
      const { backendRef, ...mirror } = asTree(filter.requestMirror);
      return isTree(backendRef) ? { ...this.backend(backendRef, namespace), percent: 100, ...mirror } : filter;
    });
    return {
      ...without(rule, "name", "backendRefs"),
      matches: anyOf(rule.matches === undefined ? [{}] : treesIn(rule.matches).map(routeMatch)),
      filters: sorted(filters),
      backends: sorted(backends),
    };
  }

  private backend({ kind = "Service", name, namespace, port }: Tree, ofRoute = defaultNamespace): Tree {
    const host = kind === "Hostname" ? text(name) : fullName(name, namespace ?? ofRoute);
    this.routed.add(host);
    return { host, port };
  }
}

/** Rules up to the first that matches everything, neighbours that do the same as one. */
export function effectiveRules(rules: readonly string[]): string[] {
  const effective: { protocol: string; matches: readonly string[]; does: Tree }[] = [];
  const ended = new Set<string>();
  for (const rule of rules.map((one) => JSON.parse(one) as (typeof effective)[number])) {
    if (ended.has(rule.protocol)) continue;
    const last = effective.at(-1);
    const isAlike = last?.protocol === rule.protocol && canonical(last.does) === canonical(rule.does);
    if (last && isAlike && rule.matches.length > 0)
      last.matches = sorted([...new Set([...last.matches, ...rule.matches])]);
    else effective.push(rule);
    if (rule.matches.length === 0) ended.add(rule.protocol);
  }
  return effective.map(canonical);
}

/** Alternatives, sorted; none where one of them is every request. */
function anyOf(matches: readonly Tree[]): string[] {
  const all = sorted([...new Set(matches.map(canonical))]);
  return all.includes("{}") ? [] : all;
}

function routeMatch(match: Tree): Tree {
  const { type = "PathPrefix", value = "/" } = asTree(match.path);
  const ofHeaders = treesIn(match.headers).map((header) => ({ type: "Exact", ...header }));
  return {
    ...match,
    path: type === "PathPrefix" && value === "/" ? undefined : { type, value },
    headers: ofHeaders.length === 0 ? undefined : sorted(ofHeaders),
  };
}
