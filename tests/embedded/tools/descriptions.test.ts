import assert from "node:assert/strict";
import semver from "semver";
import { cachedTool, hostPlatform, toolCache } from "../../../embedded/tools/cache";
import { defaultPins, describeTool, toolNames, type ToolName, type ToolPins } from "../../../embedded/tools/catalog";
import { findChecksum, vendorUrl } from "../../../embedded/tools/download";
import { buildArguments, buildModuleFile, parseModuleFile } from "../../../embedded/tools/go-build";
import { parseVersion } from "../../../embedded/tools/ensure-tools";

const pins: ToolPins = { kubernetes: "1.36.3", etcd: "3.6.8", kwok: "0.8.0", helm: "3.22.0" };
const linux = { os: "linux", arch: "amd64" } as const;
const mac = { os: "darwin", arch: "arm64" } as const;

describe("what is known of the tools", () => {
  it("reads the version out of what each program prints", () => {
    assert.equal(parseVersion("Kubernetes v1.36.3"), "1.36.3");
    assert.equal(parseVersion("etcd Version: 3.6.8\nGit SHA: abc\nGo Version: go1.26.8"), "3.6.8");
    assert.equal(parseVersion("kwokctl version v0.8.0 go1.26.8 (linux/amd64)"), "0.8.0");
    assert.equal(parseVersion("v4.1.4+g05fa379"), "4.1.4");
    assert.equal(parseVersion("v1.37.0-alpha.1"), "1.37.0-alpha.1");
    assert.equal(parseVersion("unknown"), undefined);
  });

  it("accepts the same minor version from PATH, Helm 3 as well as 4, and every etcd that kube-apiserver supports", () => {
    const accepts = (name: ToolName, version: string) => semver.satisfies(version, describeTool(name, pins).accepts);
    assert.deepEqual([accepts("kube-apiserver", "1.36.0"), accepts("kube-apiserver", "1.35.9")], [true, false]);
    const etcd = ["3.7.0", "3.6.1", "3.5.13", "3.5.12", "4.0.0"].map((version) => accepts("etcd", version));
    assert.deepEqual(etcd, [true, true, true, false, false], "what kube-apiserver needs, as in Debian 13");
    assert.deepEqual([accepts("kwokctl", "0.8.2"), accepts("kwokctl", "0.7.0")], [true, false]);
    assert.deepEqual(
      [accepts("helm", "3.19.0"), accepts("helm", "4.1.4"), accepts("helm", "2.17.0")],
      [true, true, false],
    );
  });

  it("makes the vendors' addresses", () => {
    const addresses = (name: ToolName, platform: typeof linux | typeof mac) => {
      const { download } = describeTool(name, pins, platform);
      if (typeof download === "string") return download;
      return [vendorUrl(download.file, {}), vendorUrl(download.checksums, {}), download.member];
    };
    assert.deepEqual(addresses("kube-scheduler", linux), [
      "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kube-scheduler",
      "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kube-scheduler.sha256",
      undefined,
    ]);
    assert.deepEqual(addresses("etcd", mac), [
      "https://github.com/etcd-io/etcd/releases/download/v3.6.8/etcd-v3.6.8-darwin-arm64.zip",
      "https://github.com/etcd-io/etcd/releases/download/v3.6.8/SHA256SUMS",
      "etcd-v3.6.8-darwin-arm64/etcd",
    ]);
    assert.deepEqual(addresses("kwok", linux), [
      "https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-linux-amd64",
      "https://api.github.com/repos/kubernetes-sigs/kwok/releases/tags/v0.8.0",
      undefined,
    ]);
    assert.deepEqual(addresses("helm", linux), [
      "https://get.helm.sh/helm-v3.22.0-linux-amd64.tar.gz",
      "https://get.helm.sh/helm-v3.22.0-linux-amd64.tar.gz.sha256sum",
      "linux-amd64/helm",
    ]);
    assert.equal(addresses("kube-apiserver", mac), "Kubernetes publishes kube-apiserver for Linux only");
  });

  it("takes a mirror from the environment, with or without a slash at its end", () => {
    const file = { vendor: "k8s", path: "/release/x" } as const;
    assert.equal(
      vendorUrl(file, { TALOS_MESH_MIRROR_K8S: "https://mirror.example/k8s/" }),
      "https://mirror.example/k8s/release/x",
    );
    assert.equal(vendorUrl(file, { TALOS_MESH_MIRROR_K8S: "" }), "https://dl.k8s.io/release/x");
  });

  it("places the cache where the environment says", () => {
    assert.equal(toolCache({ TALOS_MESH_CACHE: "/a", XDG_CACHE_HOME: "/b", HOME: "/c" }), "/a/tools");
    assert.equal(toolCache({ XDG_CACHE_HOME: "/b", HOME: "/c" }), "/b/talos-mesh/tools");
    assert.equal(toolCache({ HOME: "/c" }), "/c/.cache/talos-mesh/tools");
    assert.equal(cachedTool("/a/tools", "etcd", "3.6.8", linux), "/a/tools/etcd/3.6.8-linux-amd64/etcd");
  });

  it("names platforms as Go does and refuses others, saying what to do", () => {
    assert.deepEqual(hostPlatform("linux", "x64"), linux);
    assert.deepEqual(hostPlatform("darwin", "arm64"), mac);
    assert.throws(() => hostPlatform("win32", "x64"), /runs on Linux and macOS.*WSL/);
    assert.throws(() => hostPlatform("linux", "riscv64"), /this is linux riscv64/);
  });
});

describe("checksum documents", () => {
  const digest = "a".repeat(64);
  const other = "b".repeat(64);

  it("are read in every form the vendors publish", () => {
    assert.equal(findChecksum(`${digest.toUpperCase()}\n`, "kube-apiserver"), digest);
    assert.equal(findChecksum(`${other}  etcd.zip\n${digest}  etcd.tar.gz\n`, "etcd.tar.gz"), digest);
    assert.equal(findChecksum(`${digest} *helm.tar.gz`, "helm.tar.gz"), digest);
    const release = {
      assets: [
        { name: "kwok-linux-amd64", digest: `sha256:${digest}` },
        { name: "old", digest: null },
      ],
    };
    assert.equal(findChecksum(JSON.stringify(release), "kwok-linux-amd64"), digest);
  });

  it("give nothing for a file they do not name", () => {
    assert.equal(findChecksum(`${digest}  etcd.zip`, "etcd.tar.gz"), undefined);
    assert.equal(findChecksum(`${digest}\n${other}`, "etcd.tar.gz"), undefined);
    assert.equal(findChecksum("<html>sign in</html>", "etcd.tar.gz"), undefined);
    assert.equal(findChecksum('{"assets": [{"name": "old", "digest": null}]}', "old"), undefined);
    assert.equal(findChecksum("{", "old"), undefined);
  });
});

describe("Go module files", () => {
  const kubernetes =
    "module k8s.io/kubernetes\n\ngo 1.26.0\n\nrequire k8s.io/api v0.0.0\n\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\tk8s.io/cri-api => ./staging/src/k8s.io/cri-api\n)\n";

  const moduleFile = (name: ToolName, text: string) => {
    const { module, version } = describeTool(name, pins).go;
    return [module, parseModuleFile(text, version)] as const;
  };

  it("replace the staging modules by their published versions", () => {
    assert.equal(
      buildModuleFile(new Map([moduleFile("kube-apiserver", kubernetes)])),
      "module talos-mesh/tools\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.36.3\n" +
        "replace k8s.io/api => k8s.io/api v0.36.3\nreplace k8s.io/cri-api => k8s.io/cri-api v0.36.3\n",
    );
  });

  it("replace nothing where the module has no staging folders", () => {
    assert.equal(
      buildModuleFile(new Map([moduleFile("helm", "module helm.sh/helm/v3\n\ngo 1.25.0\n\nreplace a => ../b\n")])),
      "module talos-mesh/tools\n\ngo 1.25.0\n\nrequire helm.sh/helm/v3 v3.22.0\n",
    );
  });

  it("require every module of the programs that are built together, and the newest Go of them", () => {
    const modules = [
      moduleFile("etcd", "go 1.26\n"),
      moduleFile("kwok", "go 1.26.5\n"),
      moduleFile("helm", "go 1.9\n"),
    ];
    assert.equal(
      buildModuleFile(new Map(modules)),
      "module talos-mesh/tools\n\ngo 1.26.5\n\nrequire go.etcd.io/etcd/server/v3 v3.6.8\n" +
        "require sigs.k8s.io/kwok v0.8.0\nrequire helm.sh/helm/v3 v3.22.0\n",
    );
  });
});

describe("a Go build", () => {
  const goOf = (...names: ToolName[]) => Object.fromEntries(names.map((name) => [name, describeTool(name).go]));

  it("makes Kubernetes report its own version", () => {
    const args = buildArguments(goOf("kube-apiserver"), "/out/");
    assert.match(args.join(" "), /-X k8s\.io\/component-base\/version\.gitVersion=v1\.36\.3/);
    assert.deepEqual(args.slice(-3), ["-o", "/out/", "k8s.io/kubernetes/cmd/kube-apiserver"]);
  });

  it("makes the whole control plane at once with the pinned versions", () => {
    const controlPlane = toolNames.filter((name) => name !== "helm");
    assert.deepEqual(new Set(controlPlane.map((name) => describeTool(name).go.group)), new Set(["Kubernetes"]));
    const args = buildArguments(goOf("etcd", "kwok"), "/out/");
    assert.match(args.join(" "), /-X sigs\.k8s\.io\/kwok\/pkg\/consts\.Version=v0\.8\.0/);
    assert.deepEqual(args.slice(-2), ["./etcd", "sigs.k8s.io/kwok/cmd/kwok"]);
  });

  it("builds etcd and kwok on their own for another version of Kubernetes", () => {
    const other = { ...defaultPins, kubernetes: "1.35.1" };
    const groups = (["kube-apiserver", "etcd", "kwok", "kwokctl"] as const).map(
      (name) => describeTool(name, other).go.group,
    );
    assert.deepEqual(groups, ["Kubernetes", "etcd", "kwok", "kwok"]);
  });
});
