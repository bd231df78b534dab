import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import type { HelmValues } from "../../components/shared/helm-release";
import { asTree, isTree } from "../../components/shared/merge";
import type { StructuralSchema } from "../../components/validation/structural-schema";

/** Names a folder of the charts of other projects, NAME-VERSION each, as far as there are any; they are not part of this project. */
export const chartsVariable = "TALOS_MESH_ADDON_CHARTS";

/**
 * Paths of values that the chart has neither as a default nor as an example in a comment: keys that its templates would not
 * read. The content of a default that is empty, a list or a string is free.
 *
 * @param passedOn values that the chart passes on as they are: to the program as its configuration, or to Kubernetes
 */
export function unknownPaths(
  values: HelmValues,
  text: string,
  defaults: unknown,
  passedOn: ReadonlySet<string> = new Set(),
  at: readonly string[] = [],
): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const here = [...at, key];
    if (value === undefined || passedOn.has(here.join("."))) return [];
    const isExample = new RegExp(`^ *# *${key}:`, "m").test(text);
    if (!Object.hasOwn(asTree(defaults), key)) return isExample ? [] : [here.join(".")];
    const below = asTree(defaults)[key];
    return isTree(value) && isTree(below) && Object.keys(below).length > 0
      ? unknownPaths(value, text, below, passedOn, here)
      : [];
  });
}

/** The schema of each kind's spec, by `apiVersion kind`, of the CRDs in a chart. */
export function crdSchemas(home: string): ReadonlyMap<string, StructuralSchema> {
  const files = readdirSync(home, { recursive: true, encoding: "utf8" }).filter((file) => /crd.*\.ya?ml$/.test(file));
  const schemas = new Map<string, StructuralSchema>();
  for (const file of files) {
    const text = readFileSync(path.join(home, file), "utf8");
    // Lines of templates add labels and conditions.
    for (const document of parseAllDocuments(text.replaceAll(/^.*\{\{.*$/gm, ""))) {
      const crd = document.toJS() as Crd | null;
      for (const { name, schema } of crd?.kind === "CustomResourceDefinition" ? crd.spec.versions : []) {
        const spec = schema.openAPIV3Schema.properties.spec;
        if (spec) schemas.set(`${crd?.spec.group}/${name} ${crd?.spec.names.kind}`, spec);
      }
    }
  }
  return schemas;
}

interface Crd {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: {
        readonly openAPIV3Schema: { readonly properties: Readonly<Record<string, StructuralSchema>> };
      };
    }[];
  };
}
