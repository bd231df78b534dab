import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { certificateChecks, expiry } from "../../../cli/doctor/certificates";
import { clusterChecks, openCluster, skew } from "../../../cli/doctor/cluster";
import { examine, type DoctorContext } from "../../../cli/doctor/doctor";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { needsOpenssl, selfSigned } from "../../mesh/gateways/openssl";
import { testCluster, type TestCluster } from "../../support/cluster-project";
import { FakeCluster } from "./fake-cluster";
import { about, existingCluster, lines, modelOf, context, talosCluster } from "./contexts";

describe("the doctor of clusters", function () {
  this.timeout(60_000);
  let cluster: FakeCluster;

  before(function () {
    needsOpenssl(this);
  });
  beforeEach(async () => {
    cluster = new FakeCluster();
    await cluster.start();
  });
  afterEach(() => cluster.stop());

  const now = Date.now();
  const server = () => ApiServer.open({ kubeconfig: cluster.kubeconfig });
  const found = async (subject: string, more: Partial<DoctorContext> = {}) =>
    lines(await examine(context({ server, now, ...more }), about([...clusterChecks, ...certificateChecks], subject)));

  const node = (name: string, more: { status?: string; conditions?: object[]; spec?: object } = {}) => ({
    metadata: { name },
    spec: more.spec ?? {},
    status: {
      conditions: [{ type: "Ready", status: more.status ?? "True", message: "why" }, ...(more.conditions ?? [])],
    },
  });

  it("says whether the cluster answers, and which Kubernetes it runs", async () => {
    const [line = "", ...more] = await found("access");
    assert.match(line, /^ok: cluster: https:\/\/127\.0\.0\.1:\d+ answers in \d+ ms: Kubernetes v1\.29\.1$/);
    assert.deepEqual(more, []);
    cluster.answers.set("/version", { gitVersion: "v1.30.0" });
    assert.match(
      (await found("access"))[1] ?? "",
      /^warning: .*runs Kubernetes v1\.30\.0, and the stack file has v1\.29\.1$/,
    );
    assert.deepEqual(await found("access", { server: () => Promise.resolve(undefined) }), [
      "ok: cluster: there is none yet",
    ]);
    await cluster.stop();
    await cluster.start();
    const closed = await ApiServer.open({ kubeconfig: cluster.kubeconfig });
    await cluster.stop();
    assert.match((await found("access", { server: () => Promise.resolve(closed) })).join(), /^error: .*ECONNREFUSED/);
    // The same is said once.
    for (const subject of ["clock", "nodes", "node disks", "etcd", "mesh"]) {
      assert.deepEqual(await found(subject, { server: () => Promise.resolve(closed) }), []);
    }
    await cluster.start();
  });

  it("compares the clock of the API server with the one here, and those of nodes with it", async () => {
    const lease = (name: string, offset: number) => ({
      metadata: { name, managedFields: [{ manager: "kubelet", time: "2026-06-15T12:00:00Z" }] },
      spec: { renewTime: new Date(Date.parse("2026-06-15T12:00:00.500Z") + 1000 * offset).toISOString() },
    });
    const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    cluster.answers.set(leases, { items: [lease("a", 0.2), lease("b", -7), { metadata: { name: "c" } }] });
    cluster.ahead = -60;
    const [api = "", ...nodes] = await found("clock");
    assert.match(
      api,
      /^error: API server: its clock is (59|60|61)\.\d s behind this machine's: certificates and tokens/,
    );
    assert.deepEqual(nodes, [
      "ok: node a: its clock is 0.2 s ahead of the API server's",
      "warning: node b: its clock is 7.0 s behind the API server's",
    ]);
    cluster.ahead = 0;
    assert.match((await found("clock"))[0] ?? "", /^ok: /);
    assert.equal(skew("a", 2001).level, "warning");
    assert.equal(skew("a", -30_100).level, "error");
  });

  it("reports nodes that are not ready, cordoned, or short of something", async () => {
    const pressure = { type: "DiskPressure", status: "True", message: "disk is full" };
    const items = [
      node("a"),
      node("b", { status: "Unknown" }),
      node("c", { conditions: [pressure], spec: { unschedulable: true } }),
    ];
    cluster.answers.set("/api/v1/nodes", { items });
    assert.deepEqual(await found("nodes"), [
      "ok: cluster: 1 of 3 nodes are ready",
      "error: node b: not ready: why",
      "error: node c: DiskPressure: disk is full",
      "warning: node c: cordoned, so that no pod is scheduled there",
    ]);
    cluster.answers.set("/api/v1/nodes", { items: [] });
    assert.match((await found("nodes")).join(), /^error: cluster: it has no nodes/);
  });

  it("reports the disks of nodes by their kubelets, and those that do not answer", async () => {
    cluster.answers.set("/api/v1/nodes", { items: ["a", "b", "c", "d"].map((name) => node(name)) });
    const summary = (name: string, free: number) =>
      cluster.answers.set(`/api/v1/nodes/${name}/proxy/stats/summary`, {
        node: { fs: { availableBytes: free * 1e9, capacityBytes: 100e9 } },
      });
    summary("a", 50);
    summary("b", 12);
    summary("c", 0.5);
    assert.deepEqual(await found("node disks"), [
      "ok: node a: 50 GB of 100 GB free (50%)",
      "warning: node b: 12 GB of 100 GB free (12%)",
      "error: node c: 500 MB of 100 GB free (1%)",
      "not known: node d: its kubelet does not answer: none",
    ]);
  });

  it("reports the size of etcd, by the metric of either name", async () => {
    assert.deepEqual(await found("etcd"), ["ok: etcd: the database has 25 MB; etcd's default quota is 2.1 GB"]);
    cluster.answers.set("/metrics", 'apiserver_storage_db_total_size_in_bytes{endpoint="https://a:2379"} 1.9e+09\n');
    assert.match((await found("etcd")).join(), /^warning: etcd: the database has 1\.9 GB/);
    cluster.answers.set("/metrics", "other 1\n");
    assert.match((await found("etcd")).join(), /^not known: etcd: /);
  });

  it("says that no mesh is installed, and leaves out one on simulated nodes", async () => {
    assert.deepEqual(await found("mesh"), ["ok: mesh: no control plane is installed"]);
    const istiod = { metadata: { name: "istiod", namespace: "istio-system", labels: { app: "istiod" } }, spec: {} };
    cluster.answers.set("/apis/apps/v1/deployments", { items: [istiod] });
    const model = modelOf({ kind: "embedded", name: "a" }, { version: "1.31.1" });
    assert.match((await found("mesh", { model })).join(), /^ok: mesh: not checked: nodes are simulated/);
  });

  it("reports when certificates end: of the kubeconfig, of gateways, and of a plugged authority", async () => {
    const pair = selfSigned("DNS:a", 12);
    const pem = (text: string) => Buffer.from(text).toString("base64");
    const tls = {
      metadata: { name: "shop", namespace: "istio-ingress" },
      data: { "tls.crt": pem(pair.certificate), "tls.key": pem(pair.privateKey) },
    };
    cluster.answers.set("/api/v1/namespaces/istio-ingress/secrets", { items: [tls] });
    cluster.answers.set("/api/v1/namespaces/istio-system/secrets/cacerts", { data: { "ca-cert.pem": pem("nothing") } });
    const model = modelOf(talosCluster, { version: "1.22.1" }, { gateways: { ingress: { serviceType: "NodePort" } } });
    const all = await found("certificates", { model });
    assert.match(all[0] ?? "", /^ok: kubeconfig: client certificate: ends on .* in (99|100) days$/);
    assert.match(all[1] ?? "", /^ok: API server: certificate: ends on .* in (99|100) days$/);
    assert.match(all[2] ?? "", /^warning: gateways: Secret istio-ingress\/shop: ends on .* in 1[12] days$/);
    assert.deepEqual(all.slice(3), ["not known: Istio CA: Secret istio-system/cacerts: is not a certificate in PEM"]);
    assert.ok(!JSON.stringify(all).includes(pem(pair.privateKey).slice(0, 40)));
  });

  it("calls a certificate that has ended an error", () => {
    const { certificate } = selfSigned("DNS:a", 1);
    const later = Date.now() + 10 * 86_400_000;
    assert.match(
      lines([{ subject: "", ...expiry("a", certificate, later, "renew it") }]).join(),
      /^error: a: ends on .*, \d+ days ago$/,
    );
  });

  it("opens an existing cluster before anything is deployed, and others by the state", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-doctor-"));
    try {
      writeFileSync(path.join(folder, "kubeconfig"), cluster.kubeconfig);
      const given = context({ projectRoot: folder, model: modelOf(existingCluster) });
      assert.equal(await (await openCluster(given))?.answers(), true);
      assert.equal(await openCluster(context()), undefined);
      const provider = { urn: "a::b", type: "pulumi:providers:kubernetes", inputs: { kubeconfig: cluster.kubeconfig } };
      const deployment = () => Promise.resolve({ resources: [provider] });
      assert.equal(await (await openCluster(context({ deployment })))?.answers(), true);
      assert.equal(await openCluster(context({ model: undefined })), undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the doctor of a real control plane", function () {
  let cluster: TestCluster;
  before(async function () {
    cluster = await testCluster(this);
  });
  after(() => cluster.remove());

  it("reads access, clock, nodes and etcd, and changes nothing", async function () {
    this.timeout(60_000);
    const server = () => ApiServer.open({ kubeconfig: cluster.kubeconfig });
    const model = modelOf({ kind: "embedded", name: "a" }, { version: "1.31.1" });
    const findings = await examine(context({ server, model, now: Date.now() }), [
      ...clusterChecks,
      ...certificateChecks,
    ]);
    const all = lines(findings).join("\n");
    assert.match(all, /ok: cluster: https:.* answers in \d+ ms: Kubernetes v1\.36\.3/);
    assert.match(all, /ok: API server: its clock is [01]\.\d s /);
    assert.match(all, /ok: etcd: the database has \d+ [MG]B/);
    assert.match(all, /ok: kubeconfig: client certificate: ends on/);
    assert.match(all, /ok: API server: certificate: ends on/);
    assert.doesNotMatch(all, /not known/);
  });
});
