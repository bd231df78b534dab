import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { z } from "zod";

/** The fields of a CRD that this project uses; all others are kept as they are. */
const customResourceDefinition = z.looseObject({
  apiVersion: z.literal("apiextensions.k8s.io/v1"),
  kind: z.literal("CustomResourceDefinition"),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({ group: z.string(), names: z.looseObject({ plural: z.string() }) }),
});

export type CustomResourceDefinition = z.output<typeof customResourceDefinition>;

/** Only a check: zod's result would have its keys in another order. */
function isCustomResourceDefinition(object: unknown): object is CustomResourceDefinition {
  return customResourceDefinition.safeParse(object).success;
}

/**
 * The CRDs of a YAML file, in its order and with its key order.
 *
 * @param source origin of the text, for messages
 * @throws Error for invalid YAML, and for a document that is not a CRD
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
 * A file for each CRD, named `<group>_<plural>.json` as Kubernetes' generators do. The content is one line: it is read
 * in every run, and reviewed at its source.
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

const execFileAsync = promisify(execFile);

const download = z.object({ Dir: z.string().optional(), Error: z.string().optional() });

/** The parts of a failed `execFile` that say why; `go mod download -json` reports on stdout. */
const failure = z.object({ code: z.union([z.string(), z.number()]).optional(), stdout: z.string().default("") });

/**
 * Downloads a Go module into Go's module cache; Go checks it against its checksum database.
 *
 * @param module path and version, such as `istio.io/api@v1.31.1`
 * @returns folder of the module's files, read-only
 * @throws Error where Go or the module is not available
 */
export async function goModuleFolder(module: string): Promise<string> {
  const output = await execFileAsync("go", ["mod", "download", "-json", module]).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      const { code, stdout } = failure.parse(error);
      if (code === "ENOENT") {
        throw new Error(`${module}: no "go" in PATH. Install Go (https://go.dev/dl/) and run this again.`);
      }
      return stdout;
    },
  );
  const { Dir: folder, Error: reason } = download.parse(output === "" ? {} : JSON.parse(output));
  if (folder === undefined) {
    throw new Error(`${module}: go mod download failed: ${reason ?? "it printed nothing"}. See "go env GOPROXY".`);
  }
  return folder;
}
