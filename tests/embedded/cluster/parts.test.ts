import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { parse } from "yaml";
import {
  clusterFiles,
  clusterFolder,
  kubeconfigText,
  unusableFolder,
  writeRecord,
} from "../../../embedded/cluster/files";
import { deleteCluster } from "../../../embedded/cluster/delete";
import { explainedByLogs, kwokctlConfiguration, type ControlPlaneTools } from "../../../embedded/cluster/kwokctl";
import { simulatedNodes } from "../../../embedded/cluster/nodes";
import { controlPlaneTools } from "../../../embedded/tools/catalog";
import { choosePorts, requireFree } from "../../../embedded/cluster/ports";
import { parseRequest } from "../../../embedded/cluster/request";
import { nextIncarnation } from "../../../embedded/cluster/status";
import { identify } from "../../../components/shared/process-identity";

describe("the folder of a project", () => {
  it("is refused for an embedded cluster where its path has a space", () => {
    assert.equal(unusableFolder("/home/me/talos-mesh"), undefined);
    assert.match(
      unusableFolder("/home/me/my projects/talos-mesh") ?? "",
      /has a space: "\/home\/me\/my projects.*\n.*Move/,
    );
  });
});

describe("the logs of a control plane that does not start", () => {
  let root: string;
  beforeEach(() => (root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "talos-mesh-test-")))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const log = (component: string, text: string) => {
    const folder = path.join(clusterFolder(clusterFiles(root, "dev").kwok, "demo"), "logs");
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, `${component}.log`), text);
  };

  it("report a full disk where one component ran out of space, whichever ended first", () => {
    log("kube-apiserver", "connection refused\n");
    log(
      "etcd",
      "panic: write /x/member/wal: no space left on device\n\ngoroutine 1 [running]:\n" + "trace\n".repeat(50),
    );
    const text = explainedByLogs(clusterFiles(root, "dev"), "demo", "kube-apiserver");
    assert.match(
      text,
      /^The disk is full: etcd could not write below .*kwok \(no space.*\)\. Free some space, then run/,
    );
    assert.equal(text.split("\n").length, 1);
  });

  it("are shown by their last lines otherwise", () => {
    log("kube-apiserver", Array.from({ length: 40 }, (_, line) => `line ${line}`).join("\n"));
    const text = explainedByLogs(clusterFiles(root, "dev"), "demo", "kube-apiserver", 3);
    assert.match(text, /^The last lines of .*kube-apiserver\.log:\n {2}line 37\n {2}line 38\n {2}line 39$/);
    assert.match(explainedByLogs(clusterFiles(root, "dev"), "demo", "etcd"), /no log at .*etcd\.log/);
  });
});

describe("the request for a cluster", () => {
  const good = { stack: "dev", name: "demo", kubernetesVersion: "v1.36.3", workers: 2, incarnation: 1 };

  it("may name a port", () => {
    assert.deepEqual(parseRequest({ ...good, apiServerPort: 6443 }), { ...good, apiServerPort: 6443 });
  });

  it("is refused with every problem named", () => {
    const bad = { ...good, stack: "../etc", name: "Demo", workers: 101, kubernetesVersion: "latest", color: "red" };
    assert.throws(
      () => parseRequest(bad),
      ({ message }: Error) => {
        for (const field of ["stack: ", "name: ", "workers: ", "kubernetesVersion: ", '"color"']) {
          assert.ok(message.includes(field), `${field} in ${message}`);
        }
        return message.startsWith("TALOS_MESH_CLUSTER:\n");
      },
    );
  });
});

describe("the incarnation of the next `up`", () => {
  let root: string;
  beforeEach(() => (root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "talos-mesh-test-")))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const record = (startedAt: readonly string[], kwok = clusterFiles(root, "dev").kwok) =>
    writeRecord(clusterFiles(root, "dev"), {
      ...{ owner: "talos-mesh", kwok, stack: "dev", name: "demo", kubernetesVersion: "v1.36.3", apiServerPort: 9 },
      ...{ complete: true, incarnation: 4, nodes: [] },
      processes: startedAt.map((start) => ({ pid: process.pid, startedAt: start })),
    });
  const own = identify(process.pid)?.startedAt ?? "";

  it("was never used before where there is no record", async () => {
    const before = Math.floor(Date.now() / 1000);
    const next = await nextIncarnation(root, "dev");
    assert.ok(Number.isInteger(next) && next >= before, String(next));
  });

  it("stays while every process lives", async () => {
    record([own, own]);
    assert.equal(await nextIncarnation(root, "dev"), 4);
  });

  it("increases when one process is another one now", async () => {
    record([own, "before the reboot"]);
    assert.equal(await nextIncarnation(root, "dev"), 5);
  });

  it("increases in a copy of the project", async () => {
    record([own], "/elsewhere/.talos-mesh/dev/kwok");
    assert.equal(await nextIncarnation(root, "dev"), 5);
  });
});

describe("deleting a cluster", () => {
  it("leaves nothing, also of files that an earlier version has written", async () => {
    const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "talos-mesh-test-")));
    const { folder } = clusterFiles(root, "dev");
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "incarnation.json"), "{}\n");
    await deleteCluster(root, "dev", () => undefined);
    assert.equal(existsSync(folder), false);
    rmSync(root, { recursive: true });
  });
});

describe("simulated nodes", () => {
  it("are labelled and tainted as Talos does", () => {
    const [controlPlane, worker, ...rest] = simulatedNodes("demo", 1, "v1.36.3");
    assert.ok(controlPlane !== undefined && worker !== undefined && rest.length === 0);
    assert.equal(controlPlane.metadata.name, "demo-control-plane");
    assert.equal(controlPlane.metadata.labels["node-role.kubernetes.io/control-plane"], "");
    assert.deepEqual(controlPlane.spec.taints, [
      { key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" },
    ]);
    assert.equal(worker.metadata.name, "demo-worker-1");
    assert.equal("node-role.kubernetes.io/control-plane" in worker.metadata.labels, false);
    assert.equal(worker.spec.taints, undefined);
    for (const { metadata } of [controlPlane, worker]) {
      assert.equal(metadata.labels["kubernetes.io/hostname"], metadata.name);
      assert.equal(metadata.labels["talos-mesh/simulated"], "true");
    }
  });

  it("have addresses and pod ranges of their own, also a hundred of them", () => {
    const nodes = simulatedNodes("demo", 100, "v1.36.3");
    assert.equal(nodes.length, 101);
    assert.equal(new Set(nodes.map(({ spec }) => spec.podCIDR)).size, 101);
    assert.equal(new Set(nodes.map(({ status }) => status.addresses[0]?.address)).size, 101);
  });
});

describe("the kubeconfig", () => {
  it("needs no other file and has the stack's context", () => {
    const credentials = { ca: "ca", cert: "cert", key: "key" };
    const text = kubeconfigText({ stack: "dev", apiServerPort: 6443 }, credentials);
    const name = "talos-mesh-dev";
    const base64 = (content: string) => Buffer.from(content).toString("base64");
    assert.deepEqual(parse(text), {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster: { server: "https://127.0.0.1:6443", "certificate-authority-data": base64("ca") } }],
      users: [{ name, user: { "client-certificate-data": base64("cert"), "client-key-data": base64("key") } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    });
  });
});

describe("the ports of a control plane", () => {
  it("are free, different from each other, and the same for the same folder", async () => {
    const ports = await choosePorts("/some/folder", 16443);
    assert.equal(ports.kubeApiserverPort, 16443);
    assert.equal(new Set(Object.values(ports)).size, 6);
    assert.deepEqual(await choosePorts("/some/folder", 16443), ports);
    const other = await choosePorts("/another/folder", undefined);
    assert.notEqual(other.etcdPort, ports.etcdPort);
  });

  it("are refused with the port and the process when in use", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      await assert.rejects(requireFree(port), new RegExp(`port ${port} on 127.0.0.1.* by process ${process.pid} \\(`));
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await requireFree(port);
  });
});

describe("kwokctl's configuration", () => {
  it("keeps everything on the loopback interface, with certificates and RBAC", async () => {
    const tool = (name: string) => ({ path: `/tools/${name}`, version: "1.36.3", source: "cache" });
    const tools = Object.fromEntries(controlPlaneTools.map((name) => [name, tool(name)])) as ControlPlaneTools;
    const ports = await choosePorts("/some/folder", 16443);
    const { options } = parse(kwokctlConfiguration(tools, ports, "/bin/true")) as { options: Record<string, unknown> };
    assert.equal(options["bindAddress"], "127.0.0.1");
    assert.equal(options["securePort"], true);
    assert.equal(options["kubeAuthorization"], true);
    assert.equal(options["kubeApiserverPort"], 16443);
    assert.equal(options["kwokControllerBinary"], "/tools/kwok");
  });
});
