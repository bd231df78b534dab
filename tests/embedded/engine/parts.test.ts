import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { LiveObject } from "../../../components/shared/kubernetes/api-server";
import { plan, runScript } from "../../../embedded/engine/commands";
import { milliseconds } from "../../../components/shared/duration";
import { labelOf, layerOf } from "../../../embedded/engine/naming";
import { endpointReadiness, readinessOf, servesPods } from "../../../embedded/engine/readiness";
import { chartContent, recovery, releaseInputs, upgradeArguments } from "../../../embedded/engine/releases";
import { checkScope } from "../../../embedded/engine/scope";

describe("a command", () => {
  let cwd: string;
  beforeEach(() => (cwd = mkdtempSync(path.join(tmpdir(), "talos-mesh-command-"))));
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

  it("is created, updated, replaced or left as the provider decides", () => {
    const inputs = { create: "a", triggers: [1] };
    assert.equal(plan(inputs, undefined, false), "create");
    assert.equal(plan(inputs, inputs, true), "nothing");
    assert.equal(plan({ ...inputs, create: "b" }, inputs, false), "update");
    assert.equal(plan({ ...inputs, triggers: [2] }, inputs, false), "replace");
  });

  it("gets its input, environment, folder and previous output, and loses one last newline", async () => {
    const script = 'cat; echo "$GREETING $PULUMI_COMMAND_STDOUT"; pwd; echo; echo oops >&2';
    const previous = { stdout: "before", stderr: "" };
    const inputs = { stdin: "in\n", environment: { GREETING: "hi" }, dir: cwd };
    const { stdout, stderr } = await runScript(script, inputs, { cwd: "/", previous });
    assert.equal(stdout, `in\nhi before\n${cwd}\n`);
    assert.equal(stderr, "oops");
    const quiet = await runScript(script, { ...inputs, addPreviousOutputInEnv: false }, { cwd: "/", previous });
    assert.ok(!quiet.stdout.includes("before"));
  });

  it("tells the last lines of a failure, and never a secret output", async () => {
    const script = "echo correct-horse; echo no such host >&2; exit 3";
    await assert.rejects(runScript(script, {}, { cwd }), /exit code 3(\n.*)*no such host/);
    const long = "for i in $(seq 1 100); do echo line $i. >&2; done; exit 1";
    await assert.rejects(runScript(long, {}, { cwd }), /exit code 1\nline 1\.\n(.*\n)*line 100\./);
    await assert.rejects(runScript(script, {}, { cwd, secretOutput: true }), (error: Error) => {
      assert.match(error.message, /exit code 3\nno such host/);
      return !error.message.includes("correct-horse");
    });
  });

  it("is ended with all its children when it takes too long or the run is stopped", async () => {
    const script = "trap 'echo ended > log; exit 1' TERM; sleep 60 & wait";
    await assert.rejects(runScript(script, {}, { cwd, timeoutMs: 300 }), /took more than 0\.3 s/);
    assert.equal(readFileSync(path.join(cwd, "log"), "utf8"), "ended\n");
    await assert.rejects(runScript(script, {}, { cwd, signal: AbortSignal.timeout(300) }), /stopped/);
  });
});

describe("a release", () => {
  const release = { chart: "./charts/web", name: "web", namespace: "shop", timeout: 60, atomic: true };

  it("is mended by what its last revisions ask for", () => {
    const of = (...statuses: string[]) => recovery(statuses.map((status, index) => ({ revision: index + 1, status })));
    assert.equal(of(), "none");
    assert.equal(of("superseded", "deployed"), "none");
    assert.equal(of("pending-install"), "uninstall");
    assert.equal(of("failed"), "uninstall");
    assert.equal(of("superseded", "uninstalling"), "uninstall");
    assert.equal(of("deployed", "pending-upgrade"), "rollback");
    assert.equal(of("deployed", "pending-rollback"), "rollback");
    assert.equal(of("deployed", "failed"), "none");
  });

  it("is upgraded with the flags of the Helm that is there", () => {
    assert.ok(upgradeArguments(release, "3.22.0").includes("--atomic"));
    const four = upgradeArguments(release, "4.1.4");
    assert.ok(four.includes("--rollback-on-failure") && !four.includes("--atomic"));
    assert.deepEqual(four.slice(0, 6), ["upgrade", "web", "./charts/web", "--install", "--namespace", "shop"]);
    assert.ok(!upgradeArguments({ ...release, skipAwait: true }, "4.1.4").includes("--wait"));
  });

  it("refuses what this runner would silently leave out", () => {
    assert.throws(() => releaseInputs({ ...release, postrender: "x" }, { name: "web" }), /postrender: not supported/);
    const withLogin = { ...release, repositoryOpts: { repo: "https://charts", password: "x" } };
    assert.throws(() => releaseInputs(withLogin, { name: "web" }), /repositoryOpts\.password/);
    assert.equal(releaseInputs({ chart: "web", verify: false }, { name: "other" }).name, "other");
  });

  it("changes with any file of a chart's folder", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-chart-"));
    try {
      writeFileSync(path.join(folder, "Chart.yaml"), "name: web");
      const before = chartContent(folder, "/");
      assert.equal(chartContent(folder, "/"), before);
      writeFileSync(path.join(folder, "values.yaml"), "");
      assert.notEqual(chartContent(folder, "/"), before);
      assert.equal(chartContent("istiod", folder), undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("readiness", () => {
  const object = (apiVersion: string, kind: string, spec: object, status?: object, generation = 2) =>
    ({
      apiVersion,
      kind,
      metadata: { name: "x", uid: "u", resourceVersion: "1", generation },
      spec,
      status,
    }) as LiveObject;
  const counts = (count: number) => ({ replicas: count, updatedReplicas: count, availableReplicas: count });

  it("waits for every replica of the newest generation", () => {
    const state = (status: object) => readinessOf(object("apps/v1", "Deployment", { replicas: 2 }, status)).state;
    assert.equal(state({ observedGeneration: 1, ...counts(2) }), "waiting");
    assert.equal(state({ observedGeneration: 2, ...counts(1) }), "waiting");
    assert.equal(state({ observedGeneration: 2, ...counts(2), replicas: 3 }), "waiting");
    assert.equal(state({ observedGeneration: 2, ...counts(2) }), "ready");
    const stuck = { type: "Progressing", status: "False", message: "ProgressDeadlineExceeded" };
    assert.equal(state({ observedGeneration: 2, ...counts(1), conditions: [stuck] }), "failed");
  });

  it("waits for a CRD to be established, and for a namespace to be active", () => {
    const crd = (conditions: object[]) =>
      readinessOf(object("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, { conditions })).state;
    assert.equal(crd([]), "waiting");
    assert.equal(crd([{ type: "Established", status: "True" }]), "ready");
    assert.equal(crd([{ type: "NamesAccepted", status: "False", reason: "ListKindConflict" }]), "failed");
    assert.equal(readinessOf(object("v1", "Namespace", {}, { phase: "Terminating" })).state, "waiting");
  });

  it("waits for pods behind a Service only where it selects some", () => {
    const service = (spec: object) => servesPods(object("v1", "Service", spec));
    assert.equal(service({ selector: { app: "x" } }), true);
    assert.equal(service({}), false);
    assert.equal(service({ selector: { app: "x" }, clusterIP: "None" }), false);
    assert.equal(service({ selector: { app: "x" }, type: "ExternalName" }), false);
    assert.equal(endpointReadiness([]).state, "waiting");
    const slice = { endpoints: [{ conditions: { ready: true } }] } as unknown as LiveObject;
    assert.equal(endpointReadiness([slice]).state, "ready");
  });
});

describe("names", () => {
  it("gives the outermost layer of a URN", () => {
    const urn = "urn:pulumi:dev::p::talos-mesh:mesh:Istio$talos-mesh:mesh:Gateways$kubernetes:helm.sh/v3:Release::x";
    assert.equal(layerOf(urn), "mesh");
    assert.equal(layerOf("urn:pulumi:dev::p::command:local:Command::x"), "other");
  });

  it("calls things by kind, namespace and name", () => {
    const deployment = { type: "kubernetes:apps/v1:Deployment", name: "apps-web" };
    assert.equal(labelOf(deployment, { metadata: { name: "web", namespace: "shop" } }), "Deployment shop/web");
    assert.equal(
      labelOf({ type: "kubernetes:helm.sh/v3:Release", name: "r" }, { name: "web", namespace: "shop" }),
      "Release shop/web",
    );
    assert.equal(labelOf({ type: "command:local:Command", name: "cluster" }, {}), "Command cluster");
  });

  it("reads durations as Go writes them, and refuses others", () => {
    assert.equal(milliseconds("1h30m"), 5_400_000);
    assert.equal(milliseconds("1.5s"), 1500);
    for (const bad of ["", "10", "10 s", "5 minutes"]) assert.throws(() => milliseconds(bad), /expected a duration/);
  });
});

describe("what the embedded runner refuses", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-scope-"));
    writeFileSync(path.join(folder, "Pulumi.yaml"), "name: talos-mesh\nruntime: nodejs\n");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const check = (config: Record<string, unknown>) => {
    const configFile = path.join(folder, "stack.yaml");
    writeFileSync(configFile, JSON.stringify({ config }));
    checkScope({ projectRoot: folder, stack: "x", configFile });
  };

  it("is every environment but dev, every cluster it cannot make, and secrets it cannot read", () => {
    const needsCli = /needs the Pulumi CLI.*https:\/\/www\.pulumi\.com\/docs\/install/;
    assert.throws(() => check({ "talos-mesh:environment": "production" }), needsCli);
    assert.throws(() => check({ "talos-mesh:cluster": { kind: "talos" } }), needsCli);
    assert.throws(() => check({ "talos-mesh:secrets": { jwt: { secure: "v1:abc" } } }), needsCli);
    check({ "talos-mesh:environment": "dev", "talos-mesh:cluster": { kind: "embedded" } });
    assert.throws(
      () => check({ "talos-mesh:environment": "dev", "talos-mesh:cluster": { kind: "existing" } }),
      /A cluster of kind existing needs the Pulumi CLI/,
    );
    check({});
  });
});
