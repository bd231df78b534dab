import { hasAmbient } from "../../model/data-planes";
import type { Problem, SettingPath } from "../../shared/problem";
import type { Names as Workloads } from "../../model/names";
import type { GatewaysSettings } from "../../settings/sections/gateways";
import type { AuthorizationRuleSettings, SecuritySettings } from "../../settings/sections/security";
import { suggestion } from "../../settings/suggest";
import { duplicates } from "./duplicates";
import { rule } from "./rule";
import { isProblem, resolve, workloadsByName } from "./workload-names";

/** Path templates of Istio, `{*}` and `{**}`, are the only asterisks that may stand inside a path. */
function pathProblem(path: string): string | undefined {
  const inner = path.replace(/\{\*{1,2}\}/g, "").slice(0, -1);
  return inner.includes("*")
    ? `found "${path}"; '*' may stand at the end only, or as the template {*} or {**}`
    : undefined;
}

class Names {
  private readonly gateways: ReadonlySet<string>;

  constructor(
    private readonly workloads: Workloads,
    gateways: GatewaysSettings,
  ) {
    this.gateways = new Set(Object.entries(gateways).flatMap(([name, gateway]) => (gateway ? [name] : [])));
  }

  *workload(path: SettingPath, key: string, name: string, namespace: string | undefined): Iterable<Problem> {
    const found = resolve(this.workloads, {
      path: [...path, key],
      namespacePath: [...path, "namespace"],
      name,
      namespace,
    });
    if (isProblem(found)) yield found;
  }

  /** `productpage`, `ns/name` or `ingress`, as seen from a namespace. */
  *source(path: SettingPath, source: string, from: string | undefined): Iterable<Problem> {
    if (this.gateways.has(source)) return;
    const [name = "", ownNamespace] = source.split("/").reverse();
    const namespace = ownNamespace ?? from ?? this.workloads.defaultNamespace;
    if (namespace !== undefined && this.workloads.findWorkload(namespace, name)) return;
    const known = [...this.workloads.workloadNames(namespace ?? ""), ...(ownNamespace ? [] : this.gateways)];
    const where = namespace === undefined ? "" : ` in namespace ${namespace}`;
    const kinds = ownNamespace ? "workload" : "workload or gateway";
    yield { path, message: `found ${source}; no such ${kinds}${where}; ${suggestion(name, known)}` };
  }
}

function* ruleProblems(given: AuthorizationRuleSettings, path: SettingPath, names: Names): Iterable<Problem> {
  yield* names.workload(path, "to", given.to, given.namespace);
  for (const [index, source] of (given.from ?? []).entries()) {
    yield* names.source([...path, "from", index], source, given.namespace);
  }
  yield* pathProblems(given.paths, path);
}

function* pathProblems(paths: readonly string[] = [], path: SettingPath): Iterable<Problem> {
  for (const [index, one] of paths.entries()) {
    const message = pathProblem(one);
    if (message) yield { path: [...path, "paths", index], message };
  }
}

function isKeySet(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "keys" in parsed && Array.isArray(parsed.keys);
  } catch {
    return false;
  }
}

function* jwtProblems({ jwt }: SecuritySettings, names: Names): Iterable<Problem> {
  for (const [index, given] of jwt.entries()) {
    const path = ["security", "jwt", index];
    yield* names.workload(path, "workload", given.workload, given.namespace);
    yield* pathProblems(given.paths, path);
    if (given.jwks !== undefined && given.jwksUri !== undefined) {
      yield { path, message: "found jwks and jwksUri; expected at most one of them" };
    }
    if (given.jwks === undefined && given.jwksUri === undefined && !/^https?:\/\//.test(given.issuer)) {
      const message = `found ${given.issuer}, which is no address to ask for its keys; add jwks or jwksUri`;
      yield { path: [...path, "issuer"], message };
    }
    if (given.jwks !== undefined && !isKeySet(given.jwks)) {
      yield { path: [...path, "jwks"], message: 'not a JSON Web Key Set; expected JSON such as {"keys": [...]}' };
    }
  }
}

function* exceptionProblems({ peerAuthentication }: SecuritySettings, names: Names): Iterable<Problem> {
  for (const [index, given] of peerAuthentication.entries()) {
    const path = ["security", "peerAuthentication", index];
    if (given.workload !== undefined) yield* names.workload(path, "workload", given.workload, given.namespace);
    else if (given.ports) {
      yield { path: [...path, "ports"], message: "goes with a workload only; name one, or remove the ports" };
    }
  }
}

function* authorizerProblems({ authorization, extensionProviders }: SecuritySettings, names: Names): Iterable<Problem> {
  const known = extensionProviders.map(({ name }) => name);
  yield* duplicates(
    known.map((name, index) => ({ path: ["security", "extensionProviders", index, "name"], key: name })),
    "provider",
  );
  for (const [index, { envoyExtAuthzGrpc: grpc, envoyExtAuthzHttp: http }] of extensionProviders.entries()) {
    if ((grpc === undefined) !== (http === undefined)) continue;
    yield {
      path: ["security", "extensionProviders", index],
      message: "expected exactly one of: envoyExtAuthzGrpc, envoyExtAuthzHttp",
    };
  }
  for (const [index, given] of (authorization?.external ?? []).entries()) {
    const path = ["security", "authorization", "external", index];
    yield* names.workload(path, "to", given.to, given.namespace);
    yield* pathProblems(given.paths, path);
    if (known.includes(given.provider)) continue;
    const message = `found ${given.provider}; no such entry of security.extensionProviders; ${suggestion(given.provider, known)}`;
    yield { path: [...path, "provider"], message };
  }
  if (authorization?.dryRun && authorization.external.length > 0) {
    yield {
      path: ["security", "authorization", "dryRun"],
      message:
        "an external authorizer cannot be asked for show (Istio has no dry run for it); remove dryRun or external",
    };
  }
}

function* egressProblems({ egress }: SecuritySettings, names: Names, gateways: GatewaysSettings): Iterable<Problem> {
  if (!egress) return;
  if (egress.mode === "egressGateway" && !gateways.egress) {
    yield {
      path: ["security", "egress", "mode"],
      message: "found egressGateway, which talos-mesh:gateways does not have; add gateways.egress there",
    };
  }
  for (const [index, { from, hosts }] of egress.allow.entries()) {
    const path = ["security", "egress", "allow", index];
    yield* names.source([...path, "from"], from, undefined);
    for (const [position, host] of hosts.entries()) {
      if (host !== "*") continue;
      yield { path: [...path, "hosts", position], message: 'found "*", which allows every host; expected DNS names' };
    }
  }
}

export const securityRules = [
  rule(["security", "bookinfo", "applications", "gateways"], function* ({ security, gateways, ...named }) {
    const names = new Names(workloadsByName(named), gateways);
    for (const list of ["allow", "deny", "audit"] as const) {
      for (const [index, given] of (security.authorization?.[list] ?? []).entries()) {
        yield* ruleProblems(given, ["security", "authorization", list, index], names);
      }
    }
    yield* jwtProblems(security, names);
    yield* authorizerProblems(security, names);
    yield* exceptionProblems(security, names);
    yield* egressProblems(security, names, gateways);
  }),
  rule(["security", "mesh"], function* ({ security, mesh }) {
    if (!security.egress) return;
    if (security.egress.mode === "waypoint" && !hasAmbient(mesh)) {
      yield {
        path: ["security", "egress", "mode"],
        message: "found waypoint; a sidecar mesh expected one of: sidecar, egressGateway",
      };
    }
    if (hasAmbient(mesh) && mesh.dnsCapture === false) {
      yield {
        path: ["mesh", "dnsCapture"],
        message:
          "found false; ways out of ambient namespaces need ztunnel to answer DNS, which gives each host an address to tell it by; remove it",
      };
    }
  }),
];
