import { versions } from "../../components/settings/versions";
import type { Platform } from "./platform";

/** What the embedded control plane takes. */
export const toolNames = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
  "kwokctl",
  "helm",
] as const;
/** `fortio` is for tests of measurements; a deployment runs it in pods. */
export type ToolName = (typeof toolNames)[number] | "fortio";

/** The pins a caller may change; versions without a leading `v`. */
export type ToolPins = Readonly<Record<"kubernetes" | "etcd" | "kwok" | "helm", string>>;

export const defaultPins: ToolPins = {
  kubernetes: versions.kubernetes.replace(/^v/, ""),
  etcd: versions.etcd,
  kwok: versions.kwok,
  helm: versions.helm,
};

/** The addresses downloads come from, each replaced by an environment variable for a mirror with the same paths. */
export const vendors = {
  k8s: { url: "https://dl.k8s.io", variable: "TALOS_MESH_MIRROR_K8S" },
  github: { url: "https://github.com", variable: "TALOS_MESH_MIRROR_GITHUB" },
  githubApi: { url: "https://api.github.com", variable: "TALOS_MESH_MIRROR_GITHUB_API" },
  helm: { url: "https://get.helm.sh", variable: "TALOS_MESH_MIRROR_HELM" },
} as const;
export type Vendor = keyof typeof vendors;

/** A file of a vendor. `path` starts with a slash. */
export interface VendorFile {
  readonly vendor: Vendor;
  readonly path: string;
}

export interface Download {
  readonly file: VendorFile;
  readonly checksums: VendorFile;
  /** The program inside the downloaded archive; undefined where the download is the program itself. */
  readonly member?: string;
}

export interface GoProgram {
  readonly module: string;
  readonly version: string;
  /** The main package, or the source of a `main` of our own where the module offers only a library. */
  readonly main: { readonly package: string } | { readonly source: string };
  /** `-X` settings of the linker: what the program answers to `--version`. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface Tool {
  readonly name: ToolName;
  readonly version: string;
  /** Which versions from PATH will do (a semver range), and how the program is asked for its version. */
  readonly accepts: string;
  readonly versionArgs: readonly string[];
  /** A string says why the vendor has none for the platform. */
  readonly download: (platform: Platform) => Download | string;
  readonly go: GoProgram;
}

/**
 * What is known of a tool. From PATH the Kubernetes programs, etcd and kwok must be of the pinned minor version (patch
 * versions of one minor work together; kwokctl writes flags for its own minor), helm may be any 3 from 3.14 on or 4.
 */
export function describeTool(name: ToolName, pins: ToolPins = defaultPins): Tool {
  switch (name) {
    case "etcd":
      return etcd(pins.etcd);
    case "kwok":
    case "kwokctl":
      return kwok(name, pins.kwok);
    case "helm":
      return helm(pins.helm);
    case "fortio":
      return fortio(versions.fortio);
    default:
      return kubernetes(name, pins.kubernetes);
  }
}

function etcd(version: string): Tool {
  const release = `/etcd-io/etcd/releases/download/v${version}`;
  return {
    name: "etcd",
    version,
    accepts: `~${version}`.replace(/\.\d+$/, ".0"),
    versionArgs: ["--version"],
    download: ({ os, arch }) => {
      const folder = `etcd-v${version}-${os}-${arch}`;
      return {
        file: { vendor: "github", path: `${release}/${folder}.${os === "linux" ? "tar.gz" : "zip"}` },
        checksums: { vendor: "github", path: `${release}/SHA256SUMS` },
        member: `${folder}/etcd`,
      };
    },
    go: {
      module: "go.etcd.io/etcd/server/v3",
      version,
      // The module's own main package is outside it, in go.etcd.io/etcd/v3, which the module proxy does not serve whole.
      main: {
        source:
          'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\n' +
          "func main() { etcdmain.Main(os.Args) }\n",
      },
      variables: {},
    },
  };
}

function kubernetes(name: ToolName, version: string): Tool {
  const [major, minor] = version.split(".");
  return {
    name,
    version,
    accepts: `~${major}.${minor}.0`,
    versionArgs: ["--version"],
    download: ({ os, arch }) => {
      if (os !== "linux") return `Kubernetes publishes ${name} for Linux only`;
      const path = `/release/v${version}/bin/${os}/${arch}/${name}`;
      return { file: { vendor: "k8s", path }, checksums: { vendor: "k8s", path: `${path}.sha256` } };
    },
    go: {
      module: "k8s.io/kubernetes",
      version,
      main: { package: `k8s.io/kubernetes/cmd/${name}` },
      variables: {
        "k8s.io/component-base/version.gitVersion": `v${version}`,
        "k8s.io/component-base/version.gitMajor": major ?? "",
        "k8s.io/component-base/version.gitMinor": minor ?? "",
      },
    },
  };
}

function kwok(name: "kwok" | "kwokctl", version: string): Tool {
  const project = "kubernetes-sigs/kwok";
  return {
    name,
    version,
    accepts: `~${version}`.replace(/\.\d+$/, ".0"),
    versionArgs: ["--version"],
    // kwok publishes no checksum file; GitHub's own digest of each asset stands in the description of the release.
    download: ({ os, arch }) => ({
      file: { vendor: "github", path: `/${project}/releases/download/v${version}/${name}-${os}-${arch}` },
      checksums: { vendor: "githubApi", path: `/repos/${project}/releases/tags/v${version}` },
    }),
    go: {
      module: "sigs.k8s.io/kwok",
      version,
      main: { package: `sigs.k8s.io/kwok/cmd/${name}` },
      variables: { "sigs.k8s.io/kwok/pkg/consts.Version": `v${version}` },
    },
  };
}

function fortio(version: string): Tool {
  return {
    name: "fortio",
    version,
    accepts: `>=${version} <2.0.0`,
    versionArgs: ["version"],
    download: () => "fortio publishes no checksums",
    go: { module: "fortio.org/fortio", version, main: { package: "fortio.org/fortio" }, variables: {} },
  };
}

function helm(version: string): Tool {
  return {
    name: "helm",
    version,
    accepts: ">=3.14.0 <5.0.0",
    versionArgs: ["version", "--short"],
    download: ({ os, arch }) => {
      const path = `/helm-v${version}-${os}-${arch}.tar.gz`;
      return {
        file: { vendor: "helm", path },
        checksums: { vendor: "helm", path: `${path}.sha256sum` },
        member: `${os}-${arch}/helm`,
      };
    },
    go: {
      module: "helm.sh/helm/v3",
      version,
      main: { package: "helm.sh/helm/v3/cmd/helm" },
      variables: { "helm.sh/helm/v3/internal/version.version": `v${version}` },
    },
  };
}
