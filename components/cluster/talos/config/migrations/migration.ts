import { asTree, isTree, mergeValues, type Tree } from "../../../../shared/merge";
import { own } from "../../../../shared/own";

/** As `talosctl gen config -t` writes it. */
export type MachineType = "controlplane" | "worker";

/** A Talos config document: `{apiVersion: v1alpha1, kind: HostnameConfig, ...}`. */
export type Document = Tree & { readonly kind: string };

export interface Target {
  readonly documents: Documents;
  /** Reports what has no counterpart in the documents. */
  readonly problem: (message: string) => void;
}

/** A field of the v1alpha1 document that later contracts keep in a document of its own. */
export interface Migration {
  /** First contract that keeps it there, such as `1.12`. */
  readonly since: string;
  readonly path: readonly string[];
  /** Writes the field's value to its documents. @returns what stays in v1alpha1, if anything */
  readonly write: (value: unknown, target: Target) => unknown;
}

export function migration(since: string, path: string, write: Migration["write"]): Migration {
  return { since, path: path.split("."), write };
}

type Names = Readonly<Record<string, string | ((value: unknown, target: Target) => Tree)>>;

export function same(...fields: readonly string[]): Names {
  return Object.fromEntries(fields.map((field) => [field, field]));
}

/** A field that a document of another kind has. */
export function field(kind: string, name: string) {
  return (value: unknown, { documents }: Target): Tree => {
    documents.merge(kind, { [name]: value });
    return {};
  };
}

export function renaming(since: string, path: string, kind: string, names: Names): Migration {
  return migration(since, path, (value, target) => rename(value, kind, names, target));
}

/** A value that goes to a document as it is. @param field where in the document: `searchDomains.domains` */
export function move(since: string, path: string, kind: string, field: string): Migration {
  return migration(since, path, (value, { documents }) => documents.merge(kind, nested(field.split("."), value)));
}

/** Writes fields of a mapping under their new names; a function converts what is not only renamed. */
export function rename(value: unknown, kind: string, names: Names, target: Target): void {
  if (!isTree(value)) target.problem("expected a mapping");
  let written: Tree = {};
  for (const [key, inner] of Object.entries(asTree(value))) {
    const name = own(names, key);
    if (name === undefined) target.problem(`${key} has no counterpart there`);
    else written = mergeValues(written, typeof name === "string" ? { [name]: inner } : name(inner, target));
  }
  if (Object.keys(written).length > 0) target.documents.merge(kind, written);
}

export function nested(path: readonly string[], value: unknown): Tree {
  return path.reduceRight((inner, key) => ({ [key]: inner }), value) as Tree;
}

/** Command-line arguments are written as `true` or as "true". */
export function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}

/** Kinds that only a control plane's config has: in a worker's, a patch would create an incomplete document. */
const controlPlaneOnly = new Set([
  "KubeAPIServerConfig",
  "KubeAuditPolicyConfig",
  "KubeControllerManagerConfig",
  "KubeCoreDNSConfig",
  "KubeExternalManifestConfig",
  "KubeFlannelCNIConfig",
  "KubeInlineManifestConfig",
  "KubeProxyConfig",
  "KubeSchedulerConfig",
]);

/** The documents of a patch, each once: values for the same kind and name are merged. */
export class Documents {
  private readonly byId = new Map<string, Document>();

  constructor(readonly machineType: MachineType) {}

  merge(kind: string, fields: Tree, name?: string): void {
    if (this.machineType === "worker" && controlPlaneOnly.has(kind)) return;
    const id = `${kind}/${name ?? ""}`;
    const document = this.byId.get(id) ?? { apiVersion: "v1alpha1", kind, ...(name !== undefined && { name }) };
    this.byId.set(id, { ...mergeValues(document, fields), kind });
  }

  /** Deletes a document that gen config creates; no error where it creates none. */
  remove(kind: string, name?: string): void {
    this.merge(kind, { $patch: "delete" }, name);
  }

  list(): Document[] {
    return [...this.byId.values()];
  }
}
