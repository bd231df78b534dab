import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { declare } from "../cli/command";
import { istioReleases, versions } from "../components/settings/versions";
import { readIfExists, writeFileAtomically } from "../components/shared/files";
import {
  customResourceDefinitionFiles,
  gatewayApiChart,
  goModuleFolder,
  readCustomResourceDefinitions,
} from "./vendor/crds";
import { chartFiles } from "./vendor/stand-in-charts";

const root = path.resolve(__dirname, "..");

/** The Gateway API's version of each release of Istio, each once. */
export const gatewayApiVersions = [...new Set([...istioReleases.values()].map(({ gatewayApi }) => gatewayApi))];

/** Go modules with the CRDs. */
const istioModule = `istio.io/api@v${versions.istio}`;
const gatewayApiModule = (version: string) => `sigs.k8s.io/gateway-api@v${version}`;
export const modules = [istioModule, ...gatewayApiVersions.map(gatewayApiModule)];

export const gatewayApiFolder = (version: string) => `components/platform/charts/${version}/gateway-api/files/crds/`;

/** Folders of generated files only: any other file in them is a leftover. */
export const folders = {
  istio: "embedded/charts/base/files/crds/",
  /** By which objects of the stack file are checked: with any charts, and so not those of the stand-in chart. */
  validation: "components/validation/crds/istio/",
} as const;

export const command = declare({
  name: "vendor",
  summary: "regenerate the committed CRDs and the generated parts of the stand-in charts",
  options: { check: { text: "write nothing; exit code 1 where a file is out of date" } },
  run({ check }) {
    const files = vendoredFiles();
    const changes = outdated(files);
    if (!check) for (const file of changes) update(file, files.get(file));
    for (const file of changes) console.log(`${file}: ${check ? "out of date: run `npm run vendor`" : "updated"}`);
    console.log(`${files.size} files from ${modules.join(", ")}; ${changes.length} changed`);
    return check && changes.length > 0 ? 1 : 0;
  },
});

/** All files that are generated and committed, by path; the same for the same pins. */
export function vendoredFiles(): ReadonlyMap<string, string> {
  const gatewayApi = gatewayApiVersions.flatMap((version) => {
    const folder = path.join(goModuleFolder(gatewayApiModule(version)), "config/crd/standard");
    // The policy against unsafe upgrades would refuse the older version that an older Istio needs.
    const crds = definitionsIn(folder, /^(?!.*_vap_).*\.yaml$/);
    return [...customResourceDefinitionFiles(gatewayApiFolder(version), crds), ...gatewayApiChart(version)];
  });
  const istio = definitionsIn(
    path.join(goModuleFolder(istioModule), "kubernetes"),
    /^customresourcedefinitions\.gen\.yaml$/,
  );
  return new Map([
    ...gatewayApi,
    ...customResourceDefinitionFiles(folders.istio, istio),
    ...customResourceDefinitionFiles(folders.validation, istio),
    ...chartFiles(),
  ]);
}

function definitionsIn(folder: string, files: RegExp) {
  const names = readdirSync(folder).filter((file) => files.test(file));
  return names
    .sort()
    .flatMap((file) => readCustomResourceDefinitions(readFileSync(path.join(folder, file), "utf8"), file));
}

/** Paths of the project's files that are missing, differ from `files`, or should not exist; sorted. */
export function outdated(files: ReadonlyMap<string, string>): string[] {
  const present = [...Object.values(folders), ...gatewayApiVersions.map(gatewayApiFolder)]
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) => readdirSync(path.join(root, folder)).map((file) => folder + file));
  const paths = [...new Set([...files.keys(), ...present])];
  return paths.filter((file) => readIfExists(path.join(root, file)) !== files.get(file)).sort();
}

function update(file: string, content: string | undefined): void {
  const target = path.join(root, file);
  if (content === undefined) rmSync(target);
  else writeFileAtomically(target, content, 0o666);
}
