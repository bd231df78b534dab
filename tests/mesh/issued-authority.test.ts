import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { environmentImages } from "../../components/images";
import { authorityReady } from "../../components/mesh/lifecycle/readiness";
import { istioCsrChart, istioCsrValues, issuedAuthority } from "../../components/mesh/values/istio-csr";
import type { Settings } from "../../components/settings/schema";
import { asTree } from "../../components/shared/merge";
import { validate } from "../../components/validation/validate";
import { isSecret } from "../../embedded/program/run-program";
import { settingsOf } from "../platform/inputs";
import { root } from "../settings/stack-files";
import { chartsVariable, unknownPaths } from "../support/official-charts";
import { runStack, type StackRun } from "../support/program";
import { skip } from "../support/skip";
import { type KeyPair, twoAuthorities } from "./gateways/openssl";
import { FakeCluster, type Given } from "./lifecycle/fake-cluster";

const fixture = path.join(root, "tests/fixtures/good/mesh-issued-authority.yaml");
const given = { kind: "cert-manager", clusterIssuer: "mesh" };
const config = (ca: object = given, more: object = {}) => ({
  environment: "dev",
  cluster: { kind: "existing", name: "test", kubeconfig: { file: "./kubeconfig" } },
  charts: { source: "https://charts.example.com" },
  platform: { certManager: { issuers: { mesh: { selfSignedCA: { commonName: "Mesh" } } } } },
  mesh: { version: "1.31.1", ca, ...more },
});

function valuesOf(settings: Settings) {
  return istioCsrValues(issuedAuthority(settings.mesh) ?? assert.fail("the settings have istio-csr"), settings);
}

describe("the values of istio-csr", () => {
  it("are those of issuer, mesh and cluster", () => {
    assert.deepEqual(valuesOf(settingsOf("mesh-issued-authority")), {
      image: { repository: "quay.io/jetstack/cert-manager-istio-csr", tag: "v0.17.0" },
      imagePullSecrets: [{ name: "registry" }],
      replicaCount: 2,
      podDisruptionBudget: { enabled: true },
      app: {
        certmanager: {
          namespace: "istio-system",
          issuer: { name: "mesh", kind: "ClusterIssuer", group: "cert-manager.io" },
        },
        tls: {
          trustDomain: "mesh.example.com",
          rootCAFile: "/var/run/secrets/istio-csr/root-cert.pem",
          certificateDNSNames: ["cert-manager-istio-csr.istio-system.svc"],
          istiodCertificateEnable: true,
        },
        server: {
          clusterID: "eu-1",
          maxCertificateDuration: "12h",
          caTrustedNodeAccounts: "istio-system/ztunnel",
        },
        istio: { revisions: ["default", "1-31-1"], namespace: "istio-system" },
        controller: { leaderElectionNamespace: "istio-system" },
      },
      volumes: [{ name: "roots", secret: { secretName: "istio-csr-roots" } }],
      volumeMounts: [{ name: "roots", mountPath: "/var/run/secrets/istio-csr", readOnly: true }],
    });
  });

  it("have one replica, no roots and no node proxies where the settings have none", () => {
    const { settings } = validate(config({ kind: "cert-manager", issuer: "team" }), { secretNames: [] });
    const { replicaCount, volumes, app } = valuesOf(settings);
    const { certmanager, server, tls } = asTree(app);
    assert.deepEqual([replicaCount, volumes, asTree(tls).rootCAFile], [undefined, undefined, undefined]);
    assert.deepEqual(asTree(certmanager).issuer, { name: "team", kind: "Issuer", group: "cert-manager.io" });
    assert.deepEqual(server, { clusterID: "Kubernetes", maxCertificateDuration: "24h" });
  });

  it("name the image that is listed for mirrors", () => {
    const listed = environmentImages(settingsOf("mesh-issued-authority"));
    const own = listed.filter(({ component }) => component === "istio-csr").map(({ image }) => image);
    assert.deepEqual(own, ["quay.io/jetstack/cert-manager-istio-csr:v0.17.0"]);
  });

  it("are values that the chart has", function () {
    const home = path.join(process.env[chartsVariable] ?? "", `${istioCsrChart.name}-${istioCsrChart.version}`);
    if (process.env[chartsVariable] === undefined || !existsSync(home))
      skip(this, `${chartsVariable} has no chart of istio-csr`);
    const text = readFileSync(path.join(home, "values.yaml"), "utf8");
    assert.deepEqual(unknownPaths(valuesOf(settingsOf("mesh-issued-authority")), text, parse(text)), []);
  });
});

describe("istio-csr in the program", function () {
  this.timeout(60_000);
  let run: StackRun;
  before(async () => {
    run = await runStack({
      stack: "production",
      configFile: fixture,
      overrides: {
        secrets: { registry: '{"auths": {}}', ca: null, caKey: null, root: null },
        platform: { certManager: { issuers: { mesh: { ca: null, selfSignedCA: { commonName: "Mesh" } } } } },
        mesh: { ca: { rootCertificate: null } },
      },
    });
  });

  const step = (name: string) => run.one("Command", name);

  it("comes after its issuer, and before istiod of each revision, whose certificate it waits for", () => {
    const release = run.one("Release", "istio-csr");
    const { chart, version, namespace, repositoryOpts, atomic } = release.inputs;
    assert.deepEqual(
      [chart, version, namespace, repositoryOpts, atomic],
      ["cert-manager-istio-csr", "v0.17.0", "istio-system", { repo: "https://charts.example.com" }, true],
    );
    for (const issuer of run.byType("ClusterIssuer")) assert.ok(run.dependsOn(release, issuer), issuer.name);
    assert.ok(run.dependsOn(release, step("istio-upgrade-check")), "it is installed before the check of the cluster");
    assert.ok(run.dependsOn(release, step("istio-leftovers")), "it is deleted after the leftovers of the mesh");
    const ready = step("istio-csr-ready");
    assert.ok(run.dependsOn(ready, release));
    for (const istiod of ["istio-istiod", "istio-istiod-1-31-1"])
      assert.ok(run.dependsOn(run.one("Release", istiod), ready), istiod);
    assert.ok(run.dependsOn(run.one("Release", "istio-ztunnel"), run.one("Release", "istio-istiod")));
  });

  it("is where istiod, proxies and ztunnel send their requests, and istiod signs nothing", () => {
    const address = "cert-manager-istio-csr.istio-system.svc:443";
    for (const istiod of ["istio-istiod", "istio-istiod-1-31-1"]) {
      const { global, pilot } = asTree(run.one("Release", istiod).inputs.values);
      assert.equal(asTree(global).caAddress, address);
      assert.deepEqual(asTree(pilot).env, { PILOT_ENABLE_AMBIENT: "true", ENABLE_CA_SERVER: "false" });
    }
    assert.equal(asTree(run.one("Release", "istio-ztunnel").inputs.values).caAddress, address);
  });

  it("is not part of a mesh whose istiod signs", async () => {
    const other = await runStack({ config: config({ kind: "self-signed" }) });
    assert.deepEqual(other.byType("IstioCsr"), []);
    const { global, pilot } = asTree(other.one("Release", "istio-istiod").inputs.values);
    assert.deepEqual([asTree(global).caAddress, asTree(pilot).env], [undefined, undefined]);
  });
});

describe("the roots of istio-csr", function () {
  this.timeout(60_000);
  let own: KeyPair;
  let other: KeyPair;
  before(function () {
    [own, other] = twoAuthorities(this);
  });

  const sections = (root: string) => ({
    config: {
      ...config({ ...given, rootCertificate: { secret: "root" } }),
      platform: {
        certManager: { issuers: { mesh: { ca: { certificate: { secret: "ca" }, privateKey: { secret: "key" } } } } },
      },
      secrets: { ca: own.certificate, key: own.privateKey, root },
    },
  });

  it("are a Secret before the release", async () => {
    const run = await runStack(sections(own.certificate + other.certificate));
    const secret = run.one("Secret", "istio-csr-roots");
    const { stringData } = secret.inputs;
    assert.ok(isSecret(stringData) || Object.values(stringData as object).every(isSecret));
    const release = run.one("Release", "istio-csr");
    assert.ok(run.dependsOn(release, secret));
    assert.ok(run.dependsOn(secret, run.one("Command", "istio-csr-check")));
    assert.ok(!JSON.stringify(release.inputs).includes("BEGIN"));
  });

  it("are refused without the one that signed the issuer's certificate", async () => {
    const refusal = await runStack(sections(other.certificate)).then(() => "", String);
    assert.match(
      refusal,
      /mesh\.ca\.rootCertificate: secret root has no root that signed the certificate of issuer mesh, whose certificates no workload would trust; add it/,
    );
  });
});

describe("what istiod waits for", () => {
  const metadata = { name: "istiod", namespace: "istio-system", generation: 2 };
  const certificate = (condition: object): Given => ({
    ...{ apiVersion: "cert-manager.io/v1", kind: "Certificate", metadata },
    status: { conditions: [{ type: "Ready", ...condition }] },
  });
  const roots: Given = {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "istio-ca-root-cert", namespace: "istio-system" } },
    data: { "root-cert.pem": "-----BEGIN CERTIFICATE-----" },
  };
  const issued = certificate({ status: "True", observedGeneration: 2 });

  it("is its certificate, for the names of this generation, and the root", async () => {
    const cluster = new FakeCluster([certificate({ status: "True", observedGeneration: 1 })]);
    cluster.meanwhile = (waited) => {
      if (waited > 10) cluster.objects.splice(0, 1, issued);
      if (waited > 20 && cluster.objects.length === 1) cluster.objects.push(roots);
    };
    await authorityReady(cluster);
    const log = cluster.logged.join("\n");
    assert.match(log, /cert-manager has not issued it yet/);
    assert.match(log, /istio-csr has not written the ConfigMap istio-system\/istio-ca-root-cert yet/);
  });

  it("ends with what cert-manager says, where it issues none", async () => {
    const message = 'Referenced "ClusterIssuer" not found: clusterissuer "mesh" not found';
    const cluster = new FakeCluster([certificate({ status: "False", observedGeneration: 2, message }), roots]);
    await assert.rejects(authorityReady(cluster), (error: Error) => {
      assert.ok(error.message.includes(message), error.message);
      assert.match(error.message, /kubectl -n istio-system describe certificate,certificaterequest/);
      return true;
    });
  });
});
