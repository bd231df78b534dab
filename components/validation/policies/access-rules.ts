import { covers, workloadKey } from "../../model/names";
import { type AccessRule, mtlsModes, type PolicyModel } from "../../model/policies/policy-model";
import { callerNamespace } from "../../model/policies/resolve";
import { rootNamespace } from "../../shared/istio";
import type { Problem, Refusal } from "../../shared/problem";
import { checkEach } from "../../shared/unknown";
import { problemsAt, problemsOfEach } from "../check";

/** Access rules that would not hold for the clients they name, and mTLS exceptions. */
export function* accessRuleProblems(model: PolicyModel): Iterable<Problem> {
  const { accessRules, tokenRules, names } = model;
  yield* checkEach(accessRules, [], ({ path, settings }) => {
    const namespace = callerNamespace(settings, names);
    return problemsOfEach(settings.from, [...path, "from"], (name) =>
      names.findGateway(name) && names.findWorkload(namespace, name)
        ? `found ${name}, a workload and a gateway; write ${namespace}/${name}, or rename one`
        : undefined,
    );
  });
  yield* problemsAt(
    accessRules,
    (rule) => sharedIdentities(rule, model),
    (rule) => identityWithoutMtls(rule, model),
    ({ target, settings }) => {
      const readTokens = () => tokenRules.some((rules) => covers(rules.target, target));
      if (!settings.claims || readTokens()) return undefined;
      return {
        claims: `${target.title} accepts no token, so no request has claims; add an entry of talos-mesh:security.jwt for it`,
      };
    },
  );
  const seen = new Set<string>();
  yield* problemsAt(model.mtlsExceptions, ({ settings: { namespace, workload } }) => {
    const key = `${namespace}/${workload ?? ""}`;
    const again = seen.has(key);
    seen.add(key);
    const ofWholeMesh = namespace === rootNamespace && workload === undefined;
    return [
      ofWholeMesh && {
        namespace: `found ${namespace}, where an exception applies to the whole mesh; set talos-mesh:mesh.mtls instead`,
      },
      again && "another entry is for the same pods; merge them",
    ];
  });
}

/** A rule for a workload matches every other workload with the same service account. */
function sharedIdentities(
  { callers = [], settings: { fromNamespaces = [] } }: AccessRule,
  { names }: PolicyModel,
): Refusal {
  const named = new Map(callers.map((caller) => [workloadKey(caller), caller]));
  const refusals = [...named.values()].map((caller) => {
    if (fromNamespaces.includes(caller.namespace) || !names.findWorkload(caller.namespace, caller.name))
      return undefined;
    const others = names.sameIdentity(caller).filter((other) => !named.has(workloadKey(other)));
    return (
      others.length > 0 &&
      `${caller.name} runs as service account ${caller.serviceAccount}, and so does ${others.map(({ name }) => name).join(", ")}: ` +
        "the rule would match all of them; name all, or give each its own service account"
    );
  });
  return { from: refusals };
}

/** Without mTLS a client has no identity: an ALLOW by identity matches no request, a DENY misses some. */
function identityWithoutMtls({ action, target, callers, settings }: AccessRule, model: PolicyModel): Refusal {
  const field = callers ? "from" : settings.fromNamespaces ? "fromNamespaces" : undefined;
  if (field === undefined) return undefined;
  const modes = target.workloads.map((workload) => ({ workload, ...mtlsModes(model, workload) }));
  const disabled = modes.find(({ atServicePort }) => atServicePort === "DISABLE");
  if (disabled) {
    return {
      [field]: `${disabled.workload.name} has no mTLS (DISABLE), so no client has an identity; remove the exception, or use ipBlocks`,
    };
  }
  const open = modes.find(({ all }) => all.some((mode) => mode !== "STRICT"));
  if (action !== "DENY" || !open) return undefined;
  return {
    [field]:
      `${open.workload.name} also accepts plain text (PERMISSIVE), where a client has no identity and this rule does not match; ` +
      "make it STRICT, or use allow rules instead",
  };
}
