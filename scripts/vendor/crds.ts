import { parseAllDocuments } from "yaml";
import { z } from "zod";

/** What this project relies on in a CRD; everything else passes through as upstream has it. */
const customResourceDefinition = z.looseObject({
  apiVersion: z.literal("apiextensions.k8s.io/v1"),
  kind: z.literal("CustomResourceDefinition"),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({ group: z.string(), names: z.looseObject({ plural: z.string() }) }),
});

export type CustomResourceDefinition = z.output<typeof customResourceDefinition>;

/** A check and no more: what zod returns would have its keys in another order. */
function isCustomResourceDefinition(object: unknown): object is CustomResourceDefinition {
  return customResourceDefinition.safeParse(object).success;
}

/**
 * The CRDs of a YAML file, in its order and with its key order.
 *
 * @param source where the text is from, for messages
 * @throws Error at YAML that cannot be read and at any document that is not a CRD
 */
export function readCustomResourceDefinitions(yaml: string, source: string): CustomResourceDefinition[] {
  // Kubernetes reads YAML 1.1, in which an unquoted `on` is a boolean.
  return parseAllDocuments(yaml, { version: "1.1" }).flatMap((document, index) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${source}: document ${index + 1}: ${error.message}`);
    const object: unknown = document.toJS();
    if (object === null) return [];
    if (!isCustomResourceDefinition(object)) {
      throw new Error(`${source}: document ${index + 1}: expected a CustomResourceDefinition`);
    }
    return [object];
  });
}

/**
 * One file a CRD, named `<group>_<plural>.json` as Kubernetes' generators name them: on one line, because these files
 * are read at every run and reviewed at their source.
 *
 * @param folder prefix of the paths, with its `/`
 * @returns path: content
 */
export function customResourceDefinitionFiles(
  folder: string,
  crds: readonly CustomResourceDefinition[],
): Map<string, string> {
  const files = new Map(
    crds.map((crd) => [`${folder}${crd.spec.group}_${crd.spec.names.plural}.json`, `${JSON.stringify(crd)}\n`]),
  );
  if (files.size !== crds.length) throw new Error(`${folder}: two CRDs of one group and plural`);
  return files;
}
