import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { versions } from "../../components/settings/versions";
import { addonChartFiles } from "./addon-charts";
import { chartFiles } from "./charts";
import { customResourceDefinitionFiles, readCustomResourceDefinitions } from "./crds";
import { goModuleFolder } from "./go-module";

/** The Go modules that the committed CRDs are taken from. */
export const modules = {
  gatewayApi: `sigs.k8s.io/gateway-api@v${versions.gatewayApi}`,
  istio: `istio.io/api@v${versions.istio}`,
} as const;

/** Folders that hold nothing but what this script makes: a file that it does not make is a leftover. */
export const folders = {
  gatewayApi: "components/platform/charts/gateway-api/files/crds/",
  istio: "embedded/charts/base/files/crds/",
} as const;

const root = path.resolve(__dirname, "../..");

async function gatewayApiFiles(): Promise<Map<string, string>> {
  const folder = path.join(await goModuleFolder(modules.gatewayApi), "config/crd/standard");
  const crds = readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .flatMap((file) => readCustomResourceDefinitions(readFileSync(path.join(folder, file), "utf8"), file));
  return customResourceDefinitionFiles(folders.gatewayApi, crds);
}

async function istioFiles(): Promise<Map<string, string>> {
  const file = "kubernetes/customresourcedefinitions.gen.yaml";
  const text = readFileSync(path.join(await goModuleFolder(modules.istio), file), "utf8");
  return customResourceDefinitionFiles(folders.istio, readCustomResourceDefinitions(text, file));
}

/**
 * Every file that is generated and committed.
 *
 * @returns path relative to the project: content; the same for the same pins
 * @throws Error where Go or a module cannot be had
 */
export async function vendoredFiles(): Promise<Map<string, string>> {
  const [gatewayApi, istio] = await Promise.all([gatewayApiFiles(), istioFiles()]);
  return new Map([...gatewayApi, ...istio, ...chartFiles(), ...addonChartFiles()]);
}

/**
 * What the project's folder has otherwise than `files`.
 *
 * @returns paths of files that are missing, differ, or should not be there, sorted
 */
export function outdated(files: ReadonlyMap<string, string>): string[] {
  const differing = [...files].filter(([file, content]) => {
    const target = path.join(root, file);
    return !existsSync(target) || readFileSync(target, "utf8") !== content;
  });
  return [...differing.map(([file]) => file), ...leftovers(files)].sort();
}

function leftovers(files: ReadonlyMap<string, string>): string[] {
  return Object.values(folders)
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) => readdirSync(path.join(root, folder)).map((file) => folder + file))
    .filter((file) => !files.has(file));
}

/**
 * Brings the generated files up to date, or with `--check` only says which are not.
 *
 * @returns the exit code
 */
export async function main(args: readonly string[]): Promise<number> {
  const check = args.includes("--check");
  const unknown = args.filter((argument) => argument !== "--check");
  if (unknown.length > 0) {
    console.error(`unknown argument ${unknown.join(" ")}; usage: node scripts/vendor.cjs [--check]`);
    return 2;
  }
  const files = await vendoredFiles();
  const changes = outdated(files);
  if (!check) {
    for (const file of changes) {
      const target = path.join(root, file);
      const content = files.get(file);
      if (content === undefined) {
        rmSync(target);
      } else {
        mkdirSync(path.dirname(target), { recursive: true });
        writeFileSync(target, content);
      }
    }
  }
  const verdict = check ? "out of date: run node scripts/vendor.cjs" : "updated";
  for (const file of changes) console.log(`${file}: ${verdict}`);
  console.log(`${files.size} files from ${Object.values(modules).join(", ")}; ${changes.length} changed`);
  return check && changes.length > 0 ? 1 : 0;
}
