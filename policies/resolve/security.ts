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

/** Namespaces with workloads where nothing is to be allowed that no rule allows. */
export function defaultDenyNamespaces({ security: { authorization }, workloads }: PolicyModel): string[] {
  const namespaces = new Set(workloads.map((workload) => workload.namespace));
  return [...namespaces].filter(
    (namespace) => (authorization?.namespaces[namespace] ?? authorization?.default) === "deny",
  );
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
  const unbuilt = {
    jwt: jwt.length > 0,
    egress: egress !== undefined,
    "authorization.audit": authorization !== undefined && authorization.audit.length > 0,
    "authorization.dryRun": authorization?.dryRun === true,
    "authorization.external": authorization?.external !== undefined,
  };
  for (const [path, used] of Object.entries(unbuilt)) {
    if (used) problems.add(`security.${path}`, "is not built yet; remove it");
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
    const { to, namespace = this.model.defaultNamespace, from, fromNamespaces, claims, ...conditions } = rule;
    const target = this.directory.workload(namespace, to);
    if (!target) this.problems.add(`${path}.to`, this.directory.missing(namespace, to));
    if (claims) this.problems.add(`${path}.claims`, "is not built yet; remove the rule");
    if (fromNamespaces) this.problems.add(`${path}.fromNamespaces`, "is not built yet; remove the rule");
    const callers = from?.flatMap((name, index) => this.caller(name, namespace, `${path}.from[${index}]`));
    this.checkIdentities(from ?? [], namespace, `${path}.from`);
    return target ? [{ action, target, callers, conditions }] : [];
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
  private checkIdentities(from: readonly string[], namespace: string, path: string): void {
    const named = new Set(from.map((name) => this.workload(name, namespace)));
    for (const workload of named) {
      if (!workload) continue;
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
