import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";

/** The fields of a CRD that this project uses; all others are kept as they are. */
const customResourceDefinition = z.looseObject({
  apiVersion: z.literal("apiextensions.k8s.io/v1"),
  kind: z.literal("CustomResourceDefinition"),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({ group: z.string(), names: z.looseObject({ plural: z.string() }) }),
});

type CustomResourceDefinition = z.output<typeof customResourceDefinition>;

/** The CRDs of a YAML file, in its order and with its key order; `source` is its name in messages. */
export function readCustomResourceDefinitions(yaml: string, source: string): CustomResourceDefinition[] {
  // Kubernetes reads YAML 1.1, in which an unquoted `on` is a boolean.
  return parseAllDocuments(yaml, { version: "1.1" }).flatMap((document, index) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${source}: document ${index + 1}: ${error.message}`);
    const object = document.toJS() as CustomResourceDefinition | null;
    if (object === null) return [];
    // Zod's result has its keys in another order.
    if (customResourceDefinition.safeParse(object).success) return [object];
    throw new Error(`${source}: document ${index + 1}: expected a CustomResourceDefinition`);
  });
}

/**
 * A file for each CRD, named `<group>_<plural>.json` as Kubernetes' generators do, by path. The content is one line: it
 * is read in every run, and reviewed at its source.
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

/**
 * Downloads a Go module, such as `istio.io/api@v1.31.1`, into Go's module cache; Go checks it against its checksum
 * database.
 *
 * @returns folder of the module's files, read-only
 */
export function goModuleFolder(module: string): string {
  const { stdout, error } = spawnSync("go", ["mod", "download", "-json", module], { encoding: "utf8" });
  if (error) throw new Error(`${module}: no "go" in PATH. Install Go (https://go.dev/dl/) and run this again.`);
  // It reports failures on stdout, too.
  const { Dir: folder, Error: reason } = JSON.parse(stdout || "{}") as { Dir?: string; Error?: string };
  if (folder === undefined) {
    throw new Error(`${module}: go mod download failed: ${reason ?? "it printed nothing"}. See "go env GOPROXY".`);
  }
  return folder;
}

/**
 * The chart around the CRDs of one version of the Gateway API. Each version has a chart of its own: Helm keeps a release's
 * whole chart in one Secret, which has no room for several.
 */
export function gatewayApiChart(version: string): [file: string, content: string][] {
  const folder = `components/platform/charts/${version}/gateway-api`;
  const description = [
    "apiVersion: v2",
    "name: gateway-api",
    "description: The CRDs of the Kubernetes Gateway API, standard channel, as files/crds has them from sigs.k8s.io/gateway-api.",
    "type: application",
    `version: ${version}`,
    `appVersion: v${version}`,
  ];
  const template = readFileSync(path.join(__dirname, "gateway-api-chart/crds.tpl"), "utf8");
  return [
    [`${folder}/Chart.yaml`, `${description.join("\n")}\n`],
    [`${folder}/templates/crds.yaml`, template],
  ];
}
