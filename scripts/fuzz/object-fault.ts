import { asTree } from "../../components/shared/merge";
import { releaseType } from "../../components/shared/kubernetes/helm-records";
import { objectProblems } from "../../components/validation/objects";
import type { Registration } from "../../embedded/program/run-program";

/** Why a cluster would not take what a program registers. */
export function objectFault(registrations: readonly Registration[]): string | undefined {
  const refused = registrations.flatMap(({ inputs }) => refusals(inputs));
  return refused.length > 0 ? `refused by the API server: ${refused.join("\n")}` : nameFault(registrations);
}

/** Of objects of Istio and Gateway API, whose CRDs are here. */
function refusals(inputs: object): string[] {
  const object = inputs as Parameters<typeof objectProblems>[0];
  if (!/\b(istio|gateway\.networking\.k8s)\.io\//.test(object.apiVersion)) return [];
  const of = `${object.kind} ${object.metadata.name}`;
  return [...objectProblems(object, [])].map(({ path: at, message }) => `${of}: ${at.join(".")}: ${message}`);
}

/** Two resources of one type and name, two objects or releases of one name, or a name that the API server refuses. */
function nameFault(registrations: readonly Registration[]): string | undefined {
  const found = new Set<string>();
  for (const { type, name, inputs, custom } of registrations) {
    const { apiVersion, kind, metadata } = inputs as { apiVersion?: string; kind?: string; metadata?: unknown };
    const object = asTree(metadata);
    const isRelease = type === releaseType;
    const of = isRelease ? inputs : object;
    const place = `${String(of.namespace)}/${String(of.name)}`;
    const keys = [
      `${type} ${name}`,
      ...(isRelease ? [`release ${place}`] : kind ? [`${String(apiVersion).split("/")[0]} ${kind} ${place}`] : []),
    ];
    const twice = custom && keys.find((key) => found.has(key));
    if (twice) return `two of ${twice}`;
    for (const key of keys) found.add(key);
    if (kind && !isName(kind, String(object.name))) return `a ${kind} named ${place}`;
    if (isRelease && String(of.name).length > 53) return `a release named ${place}`;
    const label = Object.entries(asTree(object.labels)).find(
      ([, value]) => !/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/.test(String(value)),
    );
    if (label) return `${kind} ${place} with the label ${label.join("=")}`;
  }
  return undefined;
}

function isName(kind: string, name: string): boolean {
  // Those of RBAC may be any segment of a path.
  if (kind.includes("Role")) return true;
  const isService = kind === "Service";
  const longest = isService || kind === "Namespace" ? 63 : 253;
  const form = isService ? /^[a-z]([-a-z0-9]*[a-z0-9])?$/ : /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
  return name.length <= longest && form.test(name) && !/[.-]\.|\.[.-]/.test(name);
}
