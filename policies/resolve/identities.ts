import type { PolicyModel } from "../model";
import type { Problems } from "../problems";
import type { AccessRule, MtlsException, Target, TokenRules } from "./resolved";

type Mode = PolicyModel["mtls"] | "DISABLE";

/** The mTLS mode of the port that a workload is asked by: its own exception, else that of its namespace, else the mesh's. */
export function mtlsMode(mesh: Mode, exceptions: readonly MtlsException[], target: Target): Mode {
  const { mode, ports = {} } = exceptionOf(exceptions, target) ?? { mode: mesh };
  return ports[String(target.port)] ?? mode;
}

function exceptionOf(
  exceptions: readonly MtlsException[],
  { namespace, name }: Target,
): (Partial<Pick<MtlsException["settings"], "ports">> & { readonly mode: Mode }) | undefined {
  const ofNamespace = exceptions.filter(({ settings }) => settings.namespace === namespace);
  const own = ofNamespace.find(({ settings }) => settings.workload === name);
  const shared = ofNamespace.find(({ settings }) => settings.workload === undefined);
  return (own ?? shared)?.settings;
}

/** Whether any port of a workload takes plain text. */
function takesPlainText(mesh: Mode, exceptions: readonly MtlsException[], target: Target): boolean {
  const { mode, ports = {} } = exceptionOf(exceptions, target) ?? { mode: mesh };
  return [mode, ...Object.values(ports)].some((one) => one !== "STRICT");
}

/** Rules that ask for something that the caller never shows there: they would hold for nobody, or miss somebody. */
export function checkIdentities(
  rules: readonly AccessRule[],
  tokens: readonly TokenRules[],
  exceptions: readonly MtlsException[],
  mesh: Mode,
  problems: Problems,
): void {
  const takesTokens = new Set(tokens.map(({ target }) => `${target.namespace}/${target.name}`));
  for (const { path, action, target, callers, namespaces, conditions } of rules) {
    if (conditions.claims && !takesTokens.has(`${target.namespace}/${target.name}`)) {
      const message = `${target.name} reads no token, so no request has claims; add an entry of talos-mesh:security.jwt for it`;
      problems.add(`${path}.claims`, message);
    }
    const field = callers ? "from" : namespaces ? "fromNamespaces" : undefined;
    const mode = mtlsMode(mesh, exceptions, target);
    if (field === undefined) continue;
    if (mode === "DISABLE") {
      const message = `${target.name} takes no mTLS (DISABLE), so no caller has an identity; remove the exception, or use ipBlocks`;
      problems.add(`${path}.${field}`, message);
    } else if (action === "DENY" && takesPlainText(mesh, exceptions, target)) {
      const message =
        `${target.name} also accepts plain text (PERMISSIVE), where a caller has no identity and this rule does not match; ` +
        "make it STRICT, or use allow rules instead";
      problems.add(`${path}.${field}`, message);
    }
  }
}
