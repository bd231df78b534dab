import { workloadKey } from "../../model/names";
import { type AccessRule, type MtlsException, mtlsModes, type PolicyModel } from "../../model/policies/policy-model";
import type { Problem } from "../../shared/problem";
import { rootNamespace } from "../../shared/istio";
import { checkEach, knownEntries, runChecks } from "../../shared/unknown";

/** Access rules that would not hold for the clients they name, and mTLS exceptions. */
export function* accessRuleProblems(model: PolicyModel): Iterable<Problem> {
  yield* checkEach(
    model.accessRules,
    [],
    (rule) => ambiguousNames(rule, model),
    (rule) => sharedIdentities(rule, model),
    (rule) => claimsWithoutToken(rule, model),
    (rule) => identityWithoutMtls(rule, model),
  );
  yield* runChecks(() => exceptionProblems(model));
}

function* ambiguousNames({ path, target, settings }: AccessRule, { names }: PolicyModel): Iterable<Problem> {
  const { from = [], namespace = target.namespace } = settings;
  for (const [index, name] of knownEntries(from)) {
    if (!names.findGateway(name) || !names.findWorkload(namespace, name)) continue;
    const message = `found ${name}, a workload and a gateway; write ${namespace}/${name}, or rename one`;
    yield { path: [...path, "from", index], message };
  }
}

/** A rule for a workload matches every other workload with the same service account. */
function* sharedIdentities({ path, callers = [], namespaces = [] }: AccessRule, model: PolicyModel): Iterable<Problem> {
  const named = new Map(callers.map((caller) => [workloadKey(caller), caller]));
  for (const caller of named.values()) {
    if (namespaces.includes(caller.namespace) || !model.names.findWorkload(caller.namespace, caller.name)) continue;
    const others = model.names.sameIdentity(caller).filter((other) => !named.has(workloadKey(other)));
    if (others.length === 0) continue;
    yield {
      path: [...path, "from"],
      message:
        `${caller.name} runs as service account ${caller.serviceAccount}, and so does ${others.map(({ name }) => name).join(", ")}: ` +
        "the rule would match all of them; name all, or give each its own service account",
    };
  }
}

function* claimsWithoutToken({ path, target, settings }: AccessRule, { tokenRules }: PolicyModel): Iterable<Problem> {
  if (!settings.claims || tokenRules.some((rules) => workloadKey(rules.target) === workloadKey(target))) return;
  const message = `${target.name} accepts no token, so no request has claims; add an entry of talos-mesh:security.jwt for it`;
  yield { path: [...path, "claims"], message };
}

/** Without mTLS a client has no identity: an ALLOW by identity matches no request, a DENY misses some. */
function* identityWithoutMtls(
  { path, action, target, callers, namespaces }: AccessRule,
  model: PolicyModel,
): Iterable<Problem> {
  const field = callers ? "from" : namespaces ? "fromNamespaces" : undefined;
  if (field === undefined) return;
  const { atServicePort, all } = mtlsModes(model, target);
  if (atServicePort === "DISABLE") {
    const message = `${target.name} has no mTLS (DISABLE), so no client has an identity; remove the exception, or use ipBlocks`;
    yield { path: [...path, field], message };
  } else if (action === "DENY" && all.some((mode) => mode !== "STRICT")) {
    const message =
      `${target.name} also accepts plain text (PERMISSIVE), where a client has no identity and this rule does not match; ` +
      "make it STRICT, or use allow rules instead";
    yield { path: [...path, field], message };
  }
}

function* exceptionProblems({ mtlsExceptions }: PolicyModel): Iterable<Problem> {
  const seen = new Set<string>();
  for (const [, { path, settings }] of knownEntries<MtlsException>(mtlsExceptions)) {
    const { namespace, workload } = settings;
    if (namespace === rootNamespace && workload === undefined) {
      const message = `found ${namespace}, where an exception applies to the whole mesh; set talos-mesh:mesh.mtls instead`;
      yield { path: [...path, "namespace"], message };
    }
    const key = `${namespace}/${workload ?? ""}`;
    if (seen.has(key)) yield { path, message: "another entry is for the same pods; merge them" };
    seen.add(key);
  }
}
