import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { versions } from "../../components/settings/versions";
import { hostPlatform, type Platform } from "./cache";
import { own } from "../../components/shared/own";

export const controlPlaneTools = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
  "kwokctl",
] as const;
export const toolNames = [...controlPlaneTools, "helm"] as const;
/** Tools that only tests use. */
type TestTool = "fortio" | "actionlint";
export type ToolName = (typeof toolNames)[number] | TestTool;

/** The pins a caller may change; versions without a leading `v`. */
export type ToolPins = Readonly<Record<"kubernetes" | "etcd" | "kwok" | "helm", string>>;

export const defaultPins: ToolPins = {
  kubernetes: versions.kubernetes.replace(/^v/, ""),
  etcd: versions.etcd,
  kwok: versions.kwok,
  helm: versions.helm,
};

/** The addresses that downloads come from. An environment variable names a mirror with the same paths. */
export const vendors = {
  k8s: { url: "https://dl.k8s.io", variable: "TALOS_MESH_MIRROR_K8S" },
  github: { url: "https://github.com", variable: "TALOS_MESH_MIRROR_GITHUB" },
  githubApi: { url: "https://api.github.com", variable: "TALOS_MESH_MIRROR_GITHUB_API" },
  helm: { url: "https://get.helm.sh", variable: "TALOS_MESH_MIRROR_HELM" },
} as const;
export type Vendor = keyof typeof vendors;

export type VendorFile = Readonly<{ vendor: Vendor; path: string }>;

interface Download {
  readonly file: VendorFile;
  readonly checksums: VendorFile;
  /** The program inside a downloaded archive. @default the download is the program itself */
  readonly member?: string;
}

export interface GoProgram {
  readonly module: string;
  readonly version: string;
  /** Import path of the main package. @default a `main` of our own, see `source` */
  readonly package?: string;
  /** Source of a `main` for a module that offers a library only. */
  readonly source?: string;
  /** `-X` settings of the linker: the version that the program reports. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Programs of one group have compatible dependencies and are built by one `go build`, which compiles what they share once. */
  readonly group: string;
}

interface Description {
  readonly names: readonly ToolName[];
  readonly pin: keyof ToolPins | TestTool;
  /** Versions that are accepted from PATH, as a semver range. */
  readonly accepts: string;
  readonly versionArgs: readonly string[];
  readonly download?: Download;
  /** Why there is no download for a platform. */
  readonly noDownload?: Partial<Record<Platform["os"], string>>;
  readonly go: Omit<GoProgram, "version"> & { readonly buildsWithKubernetes?: boolean };
}

let descriptions: readonly Description[] | undefined;

export type Tool = ReturnType<typeof describeTool>;

export function describeTool(name: ToolName, pins = defaultPins, { os, arch }: Platform = hostPlatform()) {
  descriptions ??= parse(readFileSync(path.join(__dirname, "tools.yaml"), "utf8")) as Description[];
  const found = descriptions.find(({ names }) => names.includes(name));
  if (found === undefined) throw new Error(`tools.yaml has no ${name}`);
  const version = { ...pins, fortio: versions.fortio, actionlint: versions.actionlint }[found.pin];
  const [major = "", minor = ""] = version.split(".");
  const archive = os === "linux" ? "tar.gz" : "zip";
  const values = { name, version, major, minor, os, arch, archive };
  const { accepts, versionArgs, go, download, noDownload } = filled(found, values);
  // With the pinned versions, etcd and kwok build with the dependencies of Kubernetes; other combinations are untested.
  const arePinned = (["kubernetes", "etcd", "kwok"] as const).every((each) => pins[each] === defaultPins[each]);
  return {
    name,
    version,
    accepts,
    versionArgs,
    /** A string gives the reason why the vendor has none for the platform. */
    download: noDownload?.[os] ?? download ?? "no download",
    go: { ...go, version, group: arePinned && go.buildsWithKubernetes === true ? "Kubernetes" : go.group },
  };
}

/** A copy in which placeholders are replaced by their values; others stay. */
function filled<Value>(value: Value, values: Readonly<Record<string, string>>): Value {
  const text = JSON.stringify(value).replace(
    /\{(\w+)\}/g,
    (placeholder, key: string) => own(values, key) ?? placeholder,
  );
  return JSON.parse(text) as Value;
}
