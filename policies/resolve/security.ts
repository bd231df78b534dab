import type { AuthorizationRuleSettings } from "../../components/settings/sections/security";
import type { PolicyModel } from "../model";
import type { Problems } from "../problems";
import { type Directory, workloadKey } from "./directory";
import type { AccessRule, Caller } from "./resolved";

/** Looks up the names in authorization rules. */
export function resolveAccessRules(model: PolicyModel, directory: Directory, problems: Problems): AccessRule[] {
  const { authorization } = model.security;
  if (!authorization) return [];
  const resolver = new AccessRuleResolver(model, directory, problems);
  return [
    ...authorization.allow.flatMap((rule, index) => resolver.resolve(rule, "ALLOW", `allow[${index}]`)),
    ...authorization.deny.flatMap((rule, index) => resolver.resolve(rule, "DENY", `deny[${index}]`)),
  ];
}

/** Every namespace with workloads, where nothing is to be allowed that no rule allows. */
export function defaultDenyNamespaces(model: PolicyModel): string[] {
  if (model.security.authorization?.default !== "deny") return [];
  return [...new Set(model.workloads.map((workload) => workload.namespace))];
}

/** Exceptions from the mesh's mTLS mode must name what is there, and only one may speak for it. */
export function checkMtlsExceptions(model: PolicyModel, directory: Directory, problems: Problems): void {
  const seen = new Set<string>();
  model.security.peerAuthentication.forEach(({ namespace, workload, ports }, index) => {
    const path = `security.peerAuthentication[${index}]`;
    if (namespace === model.rootNamespace && workload === undefined) {
      problems.add(`${path}.namespace`, `${namespace} stands for the whole mesh; set talos-mesh:mesh.mtls instead`);
    }
    if (workload !== undefined && !directory.workload(namespace, workload)) {
      problems.add(`${path}.workload`, directory.missing(namespace, workload));
    }
    if (ports && workload === undefined) problems.add(`${path}.ports`, "a port needs its workload; add workload");
    const key = `${namespace}/${workload ?? ""}`;
    if (seen.has(key)) problems.add(path, "another entry speaks for the same pods; join the two");
    seen.add(key);
  });
}

/** What the schema knows and this compiler does not, by name: nothing a user writes may have no effect. */
export function checkSecurityBuilt(model: PolicyModel, problems: Problems): void {
  const { authorization, jwt, egress } = model.security;
  if (jwt.length > 0) problems.add("security.jwt", "is not built yet; remove it");
  if (egress) problems.add("security.egress", "is not built yet; remove it");
  if (authorization?.external) problems.add("security.authorization.external", "is not built yet; remove it");
  if (authorization?.dryRun) problems.add("security.authorization.dryRun", "is not built yet; remove it");
  if (authorization && authorization.audit.length > 0) {
    problems.add("security.authorization.audit", "is not built yet; remove it");
  }
}

class AccessRuleResolver {
  constructor(
    private readonly model: PolicyModel,
    private readonly directory: Directory,
    private readonly problems: Problems,
  ) {}

  /** An empty list where the workload that is asked is not there. */
  resolve(rule: AuthorizationRuleSettings, action: AccessRule["action"], place: string): AccessRule[] {
    const path = `security.authorization.${place}`;
    const namespace = rule.namespace ?? this.model.defaultNamespace;
    const target = this.directory.workload(namespace, rule.to);
    if (!target) this.problems.add(`${path}.to`, this.directory.missing(namespace, rule.to));
    if (rule.claims) this.problems.add(`${path}.claims`, "needs security.jwt, which is not built yet; remove it");
    const callers = rule.from?.flatMap((name, index) => this.caller(name, namespace, `${path}.from[${index}]`));
    this.checkIdentities(rule, namespace, path);
    if (!target) return [];
    const { methods, paths, ports, headers, ipBlocks } = rule;
    return [{ action, target, callers, conditions: { methods, paths, ports, headers, ipBlocks } }];
  }

  private caller(name: string, namespace: string, path: string): Caller[] {
    const workload = this.workload(name, namespace);
    const gateway = this.directory.gateway(name);
    if (workload && gateway) {
      this.problems.add(path, `found ${name}, a workload and a gateway; write ${workloadKey(workload)}, or rename one`);
    } else if (!workload && !gateway) {
      const workloads = `no workload of namespace ${namespace} (${this.directory.workloadsIn(namespace)})`;
      this.problems.add(path, `found ${name}, ${workloads} and no gateway (${this.directory.gatewayNames()})`);
    }
    const found = workload ?? gateway;
    return found ? [found] : [];
  }

  private workload(name: string, namespace: string): ReturnType<Directory["workload"]> {
    const [first = "", second] = name.split("/");
    return second === undefined ? this.directory.workload(namespace, first) : this.directory.workload(first, second);
  }

  /** A rule for one workload also holds for every other one that runs under its service account. */
  private checkIdentities(rule: AuthorizationRuleSettings, namespace: string, path: string): void {
    const named = new Set((rule.from ?? []).map((name) => this.workload(name, namespace)));
    for (const workload of named) {
      if (!workload) continue;
      const others = this.directory.sameIdentity(workload).filter((other) => !named.has(other));
      if (others.length === 0) continue;
      this.problems.add(
        `${path}.from`,
        `${workload.name} runs as service account ${workload.serviceAccount}, and so does ${others.map((other) => other.name).join(", ")}: ` +
          "the rule would hold for all; name all, or give each its own service account",
      );
    }
  }
}
