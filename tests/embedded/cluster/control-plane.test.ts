import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { listNodes } from "../../../embedded/cluster/nodes";
import { keptKubeconfig, nextIncarnation } from "../../../embedded/cluster/status";
import { identify, isSameProcess } from "../../../components/shared/process-identity";
import { ClusterProject, controlPlaneToolsOrSkip } from "../../support/cluster-project";

interface KubernetesObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase?: string };
}

describe("the embedded control plane", function () {
  this.timeout(120_000);
  let project: ClusterProject;

  before(function () {
    return controlPlaneToolsOrSkip(this);
  });
  beforeEach(() => (project = new ClusterProject()));
  afterEach(() => project.remove());

  const clusterFolder = () => path.join(project.folder, "kwok", "clusters", "demo");
  const connect = (kubeconfig: string) => ApiServer.open({ kubeconfig });
  const read = async (api: ApiServer, path: string) => (await api.request("GET", path)) as KubernetesObject;
  const until = async (condition: () => Promise<boolean>) => {
    const deadline = Date.now() + 20_000;
    while (!(await condition()) && Date.now() < deadline) await delay(50);
  };
  /** A pod needs the namespace's service account, which is made a moment after the first start. */
  const accountMade = (api: ApiServer) =>
    until(() =>
      api.request("GET", "/api/v1/namespaces/kube-system/serviceaccounts/default").then(
        () => true,
        () => false,
      ),
    );
  const pids = async () => Object.values((await project.status()).processes ?? {});
  const killed = async (victims: readonly number[]) => {
    const identities = victims.flatMap((pid) => identify(pid) ?? []);
    identities.forEach(({ pid }) => process.kill(pid, "SIGKILL"));
    const deadline = Date.now() + 5_000;
    while (identities.some(isSameProcess) && Date.now() < deadline) await delay(10);
    assert.equal(identities.some(isSameProcess), false);
  };

  it("comes up, changes nothing the second time, follows the number of workers, and is deleted without a trace", async () => {
    const first = await project.up();
    const before = await pids();
    assert.equal(before.length, 5);
    assert.equal(readFileSync(path.join(project.folder, "kubeconfig"), "utf8"), first.stdout);
    assert.equal(statSync(path.join(project.folder, "kubeconfig")).mode & 0o777, 0o600);

    const second = await project.up();
    assert.deepEqual([second.stdout, second.stderr], [first.stdout, ""]);
    assert.deepEqual(await pids(), before);
    assert.equal(await nextIncarnation(project.root, "dev"), 1);

    const api = await connect(first.stdout);
    const names = async () => (await listNodes(api)).map(({ metadata }) => metadata.name).sort();
    await project.up({ workers: 3 });
    assert.deepEqual(await names(), ["demo-control-plane", "demo-worker-1", "demo-worker-2", "demo-worker-3"]);
    await project.up({ workers: 0 });
    assert.deepEqual(await names(), ["demo-control-plane"]);
    assert.deepEqual((await project.status()).nodes, { total: 1, ready: 1, missing: [] });

    writeFileSync(path.join(project.folder, "other"), "kept");
    const identities = (await pids()).map((pid) => identify(pid));
    assert.equal((await project.run("delete")).code, 0);
    assert.deepEqual(readdirSync(project.folder), ["other"]);
    assert.ok(identities.every((identity) => identity !== undefined && !isSameProcess(identity)));
    const again = await project.run("delete");
    assert.deepEqual([again.code, again.stderr], [0, "there is no cluster\n"]);
    assert.deepEqual(await project.status(), { state: "absent" });
    assert.ok(project.userFilesUntouched());
  });

  it("runs pods on the workers, not on the control plane, and refuses unknown fields as every API server does", async () => {
    const api = await connect((await project.up()).stdout);
    const pods = "/api/v1/namespaces/kube-system/pods";
    const pod = (name: string, fields: object) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { containers: [{ name, image: "x" }], ...fields },
    });
    const wrong = api.request("POST", pods, {
      query: { fieldValidation: "Strict" },
      body: pod("wrong", { nodeNmae: "x" }),
    });
    await assert.rejects(wrong, /unknown field .*spec\.nodeNmae/);
    await accountMade(api);
    await api.request("POST", pods, { body: pod("right", {}) });
    await until(async () => (await read(api, `${pods}/right`)).status.phase === "Running");
    const { spec, status } = await read(api, `${pods}/right`);
    assert.equal(status.phase, "Running");
    assert.match(spec.nodeName ?? "", /^demo-worker-/);
  });

  it("is not changed to another version, name or port, and shows the log of a component that does not start", async () => {
    await project.up();
    const other = { kubernetesVersion: "v1.35.0", name: "other", apiServerPort: 6443 };
    const refused = await project.run("up", other);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /in place:\n {2}name: is demo, requested is other\n {2}kubernetesVersion: is v1/);
    assert.match(refused.stderr, /apiServerPort: is \d+, requested is 6443\n.*Destroy the stack first/);
    assert.equal((await project.status()).state, "running");

    await killed(await pids());
    const config = path.join(clusterFolder(), "kwok.yaml");
    writeFileSync(config, readFileSync(config, "utf8").replace("--allow-privileged=true", "--no-such-flag"));
    const failed = await project.run("up");
    assert.equal(failed.code, 1);
    assert.match(
      failed.stderr,
      /kube-apiserver has ended\.\nThe last lines of .*kube-apiserver\.log:\n[^]*no-such-flag/,
    );
    assert.deepEqual(await pids(), []);
  });

  it("starts again with its data after every process was killed, and leaves a process alone that has an old number", async () => {
    const { stdout } = await project.up();
    const api = await connect(stdout);
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { name: "kept" } };
    await api.request("POST", "/api/v1/namespaces", { body });
    await killed(await pids());
    assert.equal((await project.status()).state, "stopped");
    assert.equal(await nextIncarnation(project.root, "dev"), 2);
    const bystander = spawn("sleep", ["600"]);
    await once(bystander, "spawn");
    writeFileSync(path.join(clusterFolder(), "pids", "etcd.pid"), String(bystander.pid));
    try {
      const again = await project.up({ incarnation: 2 });
      assert.equal(again.stdout, stdout);
      assert.equal((await read(api, "/api/v1/namespaces/kept")).metadata.name, "kept");
      assert.equal(await nextIncarnation(project.root, "dev"), 2);
      await killed([(await project.status()).processes?.["kube-scheduler"] ?? 0]);
      assert.equal(await nextIncarnation(project.root, "dev"), 3);
      await project.up({ incarnation: 3 });
      assert.equal((await read(api, "/api/v1/namespaces/kept")).metadata.name, "kept");
      assert.equal(bystander.exitCode ?? bystander.signalCode, null);
    } finally {
      bystander.kill("SIGKILL");
    }
  });

  it("moves with its project while it runs, with its data and its kubeconfig", async () => {
    const { stdout } = await project.up();
    const api = await connect(stdout);
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { name: "kept" } };
    await api.request("POST", "/api/v1/namespaces", { body });
    const before = (await pids()).map((pid) => identify(pid));
    const kubeconfig = stdout.replace(/\n$/, "");
    assert.equal(keptKubeconfig(project.root, "dev"), kubeconfig);
    project = project.move();
    assert.equal((await project.status()).state, "stopped");
    assert.equal(keptKubeconfig(project.root, "dev"), kubeconfig);
    assert.equal(await nextIncarnation(project.root, "dev"), 2);
    const again = await project.up({ incarnation: 2 });
    assert.match(again.stderr, /the project was moved; its cluster ran in .*\n.*starting it with its data/);
    assert.equal(again.stdout, stdout);
    assert.equal((await read(api, "/api/v1/namespaces/kept")).metadata.name, "kept");
    assert.ok(before.every((identity) => identity !== undefined && !isSameProcess(identity)));
    assert.equal((await project.status()).state, "running");
  });

  it("of a project that was copied stays the original's", async () => {
    await project.up();
    const before = await pids();
    const copy = project.copy();
    try {
      assert.match((await copy.up()).stderr, /this is a copy of a project whose cluster runs in .*creating another/);
      assert.deepEqual(await pids(), before);
    } finally {
      await copy.remove();
    }
  });

  it("notices a deleted node and brings it back", async () => {
    const api = await connect((await project.up()).stdout);
    await api.request("DELETE", "/api/v1/nodes/demo-worker-2");
    assert.equal(await nextIncarnation(project.root, "dev"), 2);
    assert.deepEqual((await project.status()).nodes, { total: 2, ready: 2, missing: ["demo-worker-2"] });
    assert.match((await project.up({ incarnation: 2 })).stderr, /nodes added: demo-worker-2/);
    assert.deepEqual((await project.status()).nodes, { total: 3, ready: 3, missing: [] });
    assert.equal(await nextIncarnation(project.root, "dev"), 2);
  });

  it("gives its nodes to the new controller at once after every process was killed", async () => {
    const api = await connect((await project.up()).stdout);
    await accountMade(api);
    await killed(await pids());
    await project.up({ incarnation: 2 });
    const pods = "/api/v1/namespaces/kube-system/pods";
    const spec = { containers: [{ name: "late", image: "x" }], nodeName: "demo-worker-1" };
    await api.request("POST", pods, { body: { apiVersion: "v1", kind: "Pod", metadata: { name: "late" }, spec } });
    const since = Date.now();
    while ((await read(api, `${pods}/late`)).status.phase !== "Running" && Date.now() - since < 60_000)
      await delay(100);
    assert.ok(Date.now() - since < 20_000, `it took ${Date.now() - since} ms`);
  });

  it("is found by its processes where its files were removed: status, up and delete", async () => {
    await project.up();
    const before = (await pids()).map((pid) => identify(pid));
    rmSync(path.join(project.root, ".talos-mesh"), { recursive: true });
    assert.equal((await project.status()).state, "incomplete");
    assert.match((await project.up()).stderr, /whose files were removed: ending it and creating another/);
    assert.ok(
      before.every((identity) => identity !== undefined && !isSameProcess(identity)),
      "two control planes",
    );
    assert.equal((await pids()).length, 5);

    const second = (await pids()).map((pid) => identify(pid));
    rmSync(path.join(project.root, ".talos-mesh"), { recursive: true });
    // Up to five: one that looks for its files may have ended by itself.
    assert.match((await project.run("delete")).stderr, /ended [1-5] processes of a cluster whose files were gone/);
    assert.ok(second.every((identity) => identity !== undefined && !isSameProcess(identity)));
    assert.deepEqual(await project.status(), { state: "absent" });
  });

  it("comes up after any number of `up`s that were killed at any moment", async () => {
    const begun = (stderr: string) => stderr.includes("creating the control plane");
    const exists = (file: string) => (stderr: string) => begun(stderr) && existsSync(path.join(clusterFolder(), file));
    await project.killUp(begun);
    await project.killUp(exists("pki/admin.crt"));
    await project.killUp(exists("pids/etcd.pid"));
    await project.killUp(exists("pids/kube-scheduler.pid"));
    await project.killUp((stderr) => stderr.includes("nodes added"));
    const { stderr } = await project.up();
    assert.match(stderr, /interrupted: creating the cluster again|^$/);
    const { state, nodes } = await project.status();
    assert.deepEqual([state, nodes], ["running", { total: 3, ready: 3, missing: [] }]);
  });

  it("is deleted completely when its `up` was killed half-way", async () => {
    await project.killUp(() => existsSync(path.join(clusterFolder(), "pids", "etcd.pid")));
    assert.equal((await project.status()).state, "incomplete");
    const running = (await pids()).map((pid) => identify(pid));
    assert.equal((await project.run("delete")).code, 0);
    assert.ok(running.every((identity) => identity === undefined || !isSameProcess(identity)));
    assert.ok(!existsSync(project.folder), "an empty folder is left behind");
  });

  it("refuses a folder that is not its own and touches nothing in it", async () => {
    const foreign = path.join(project.folder, "kwok", "clusters", "demo");
    mkdirSync(foreign, { recursive: true });
    writeFileSync(path.join(foreign, "kwok.yaml"), "foreign");
    for (const verb of ["up", "delete"] as const) {
      const { code, stdout, stderr } = await project.run(verb);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /holds files that this program did not write.*\nNothing was touched\./);
    }
    assert.equal(readFileSync(path.join(foreign, "kwok.yaml"), "utf8"), "foreign");
    assert.deepEqual(readdirSync(project.folder), ["kwok"]);
  });

  it("names the port that is in use and the process that uses it", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const { code, stderr } = await project.run("up", { apiServerPort: port });
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`port ${port} on 127\\.0\\.0\\.1.* in use by process ${process.pid} \\(`));
      assert.equal(existsSync(path.join(project.folder, "kwok")), false);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
