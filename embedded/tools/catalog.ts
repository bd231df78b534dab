import { versions } from "../../components/settings/versions";
import type { Platform } from "./cache";

/** The programs of the embedded control plane, and helm. */
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

/** The addresses that downloads come from. An environment variable names a mirror with the same paths. */
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
  readonly variables: Readonly<Record<string, string>>;
  /** Programs of one group have compatible dependencies and are built by one `go build`, which compiles what they share once. */
  readonly group: string;
}

export interface Tool {
  readonly name: ToolName;
  readonly version: string;
  /** Versions that are accepted from PATH, as a semver range. */
  readonly accepts: string;
  /** Arguments with which the program prints its version. */
  readonly versionArgs: readonly string[];
  /** A string gives the reason why the vendor has none for the platform. */
  readonly download: (platform: Platform) => Download | string;
  readonly go: GoProgram;
}

export function describeTool(name: ToolName, pins: ToolPins = defaultPins): Tool {
  switch (name) {
    case "etcd":
      return etcd(pins);
    case "kwok":
    case "kwokctl":
      return kwok(name, pins);
    case "helm":
      return helm(pins.helm);
    case "fortio":
      return fortio(versions.fortio);
    default:
      return kubernetes(name, pins.kubernetes);
  }
}

const kubernetesGroup = "Kubernetes";

/** With the pinned versions, etcd and kwok build with the dependencies of Kubernetes; other combinations are untested. */
function groupWith(pins: ToolPins, own: string): string {
  const pinned = pins.kubernetes === defaultPins.kubernetes && pins.etcd === defaultPins.etcd;
  return pinned && pins.kwok === defaultPins.kwok ? kubernetesGroup : own;
}

function etcd(pins: ToolPins): Tool {
  const version = pins.etcd;
  const release = `/etcd-io/etcd/releases/download/v${version}`;
  return {
    name: "etcd",
    version,
    // From 3.5.13 on etcd has every feature that kube-apiserver 1.36 looks for.
    // Source: k8s.io/apiserver, pkg/storage/feature/feature_support_checker.go.
    accepts: ">=3.5.13 <4.0.0",
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
      // The project's own main package is in go.etcd.io/etcd/v3, which the module proxy does not serve completely.
      source:
        'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\n' +
        "func main() { etcdmain.Main(os.Args) }\n",
      variables: {},
      group: groupWith(pins, "etcd"),
    },
  };
}

/** kwokctl writes flags for one minor version of Kubernetes, so another one from PATH does not fit. */
function kubernetes(name: ToolName, version: string): Tool {
  const [major = "", minor = ""] = version.split(".");
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
      package: `k8s.io/kubernetes/cmd/${name}`,
      variables: {
        "k8s.io/component-base/version.gitVersion": `v${version}`,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
      },
      group: kubernetesGroup,
    },
  };
}

function kwok(name: "kwok" | "kwokctl", pins: ToolPins): Tool {
  const version = pins.kwok;
  const project = "kubernetes-sigs/kwok";
  return {
    name,
    version,
    accepts: `~${version}`.replace(/\.\d+$/, ".0"),
    versionArgs: ["--version"],
    // kwok publishes no checksum file; the digest of each asset is in GitHub's description of the release.
    download: ({ os, arch }) => ({
      file: { vendor: "github", path: `/${project}/releases/download/v${version}/${name}-${os}-${arch}` },
      checksums: { vendor: "githubApi", path: `/repos/${project}/releases/tags/v${version}` },
    }),
    go: {
      module: "sigs.k8s.io/kwok",
      version,
      package: `sigs.k8s.io/kwok/cmd/${name}`,
      variables: { "sigs.k8s.io/kwok/pkg/consts.Version": `v${version}` },
      group: groupWith(pins, "kwok"),
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
    go: { module: "fortio.org/fortio", version, package: "fortio.org/fortio", variables: {}, group: "fortio" },
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
      package: "helm.sh/helm/v3/cmd/helm",
      variables: { "helm.sh/helm/v3/internal/version.version": `v${version}` },
      group: "Helm",
    },
  };
}
