import type { AuthorizationRuleSettings, JwtSettings } from "../../components/settings/sections/security";
import type { Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../model";
import type { Problems } from "../problems";
import { type Directory, workloadKey } from "./directory";
import type { AccessRule, Caller, ExternalRule, MtlsException, Target, TokenRules } from "./resolved";

const lists = { allow: "ALLOW", deny: "DENY", audit: "AUDIT" } as const;

/** Looks up the names in authorization rules. */
export function resolveAccessRules(model: PolicyModel, directory: Directory, problems: Problems): AccessRule[] {
  const { authorization } = model.security;
  if (!authorization) return [];
  const resolver = new AccessRuleResolver(model, directory, problems);
  return (["allow", "deny", "audit"] as const).flatMap((list) =>
    authorization[list].map((rule, index) =>
      resolver.resolve(rule, lists[list], `security.authorization.${list}[${index}]`),
    ),
  );
}

export function resolveExternalRules(model: PolicyModel, directory: Directory): ExternalRule[] {
  return (model.security.authorization?.external ?? []).map((rule, index) => {
    const { to, namespace = model.defaultNamespace, provider, ...conditions } = rule;
    const target = targetOf(directory.workload(namespace, to), directory);
    return { path: `security.authorization.external[${index}]`, target, provider, conditions };
  });
}

/** A workload with what enforces policies there. */
export function targetOf(workload: Workload, directory: Directory): Target {
  return { ...workload, dataPlane: directory.dataPlane(workload), waypoint: directory.waypoint(workload) };
}

/** Namespaces with workloads where nothing is to be allowed that no rule allows. */
export function defaultDenyNamespaces({ security: { authorization }, workloads }: PolicyModel): string[] {
  const namespaces = new Set(workloads.map((workload) => workload.namespace));
  return [...namespaces].filter(
    (namespace) => (authorization?.namespaces[namespace] ?? authorization?.default) === "deny",
  );
}

/** Exceptions from the mesh's mTLS mode; only one may speak for the same pods. */
export function resolveMtlsExceptions(model: PolicyModel, directory: Directory, problems: Problems): MtlsException[] {
  const seen = new Set<string>();
  return model.security.peerAuthentication.map((settings, index) => {
    const { namespace, workload } = settings;
    const path = `security.peerAuthentication[${index}]`;
    if (namespace === model.rootNamespace && workload === undefined) {
      problems.add(`${path}.namespace`, `${namespace} stands for the whole mesh; set talos-mesh:mesh.mtls instead`);
    }
    const key = `${namespace}/${workload ?? ""}`;
    if (seen.has(key)) problems.add(path, "another entry is about the same pods; merge the two");
    seen.add(key);
    return { path, dataPlane: directory.dataPlane({ namespace }), settings };
  });
}

/**
 * Token rules of each workload. Entries for the same paths are alternatives, as when two issuers are trusted; entries
 * for different paths must each be met where they apply.
 */
export function resolveTokenRules(model: PolicyModel, directory: Directory): TokenRules[] {
  const byWorkload = new Map<string, { workload: Workload; path: string; entries: JwtSettings[] }>();
  model.security.jwt.forEach((entry, index) => {
    const workload = directory.workload(entry.namespace ?? model.defaultNamespace, entry.workload);
    const group = byWorkload.get(workloadKey(workload));
    if (group) group.entries.push(entry);
    else byWorkload.set(workloadKey(workload), { workload, path: `security.jwt[${index}]`, entries: [entry] });
  });
  return [...byWorkload.values()].map(({ workload, path, entries }) => {
    const byPaths = new Map<string, JwtSettings[]>();
    for (const entry of entries) {
      const key = JSON.stringify([...new Set(entry.paths)].sort());
      byPaths.set(key, [...(byPaths.get(key) ?? []), entry]);
    }
    const requirements = [...byPaths.values()].map((anyOf) => ({ paths: anyOf[0]?.paths, anyOf }));
    return { path, target: targetOf(workload, directory), issuers: entries, requirements };
  });
}

class AccessRuleResolver {
  constructor(
    private readonly model: PolicyModel,
    private readonly directory: Directory,
    private readonly problems: Problems,
  ) {}

  resolve(rule: AuthorizationRuleSettings, action: AccessRule["action"], path: string): AccessRule {
    const { to, namespace = this.model.defaultNamespace, from, fromNamespaces: namespaces, ...conditions } = rule;
    const target = targetOf(this.directory.workload(namespace, to), this.directory);
    const callers = from?.map((name, index) => this.caller(name, namespace, `${path}.from[${index}]`));
    this.checkIdentities(from ?? [], namespace, namespaces ?? [], `${path}.from`);
    return { path, action, target, callers, namespaces, conditions };
  }

  private caller(name: string, namespace: string, path: string): Caller {
    const workload = this.workload(name, namespace);
    const gateway = this.directory.findGateway(name);
    if (workload && gateway) {
      this.problems.add(path, `found ${name}, a workload and a gateway; write ${workloadKey(workload)}, or rename one`);
    }
    return workload ?? this.directory.gateway(name);
  }

  private workload(name: string, namespace: string): Workload | undefined {
    const [first = "", second] = name.split("/");
    return second === undefined ? this.directory.find(namespace, first) : this.directory.find(first, second);
  }

  /** A rule for one workload also holds for every other one that runs under its service account. */
  private checkIdentities(from: readonly string[], namespace: string, whole: readonly string[], path: string): void {
    const named = new Set(from.map((name) => this.workload(name, namespace)));
    for (const workload of named) {
      if (!workload || whole.includes(workload.namespace)) continue;
      const others = this.directory.sameIdentity(workload).filter((other) => !named.has(other));
      if (others.length === 0) continue;
      this.problems.add(
        path,
        `${workload.name} runs as service account ${workload.serviceAccount}, and so does ${others.map((other) => other.name).join(", ")}: ` +
          "the rule would hold for all; name all, or give each its own service account",
      );
    }
  }
}
