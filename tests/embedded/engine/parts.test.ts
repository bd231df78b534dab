import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { milliseconds } from "../../../components/shared/duration";
import type { LiveObject } from "../../../components/shared/kubernetes/api-server";
import { commandInputs, runScript } from "../../../embedded/engine/commands";
import { refuseUnsupportedStack } from "../../../embedded/engine/deploy";
import { inputDigest, labelOf, layerOf, stackMark, timestamp } from "../../../embedded/engine/naming";
import { withMarks } from "../../../embedded/engine/objects";
import { batches, objectKey, type Owned } from "../../../embedded/engine/prune";
import { isDeployed, releaseInputs, upgradeArguments } from "../../../embedded/engine/releases";

describe("a command", () => {
  let cwd: string;
  beforeEach(() => (cwd = mkdtempSync(path.join(tmpdir(), "talos-mesh-command-"))));
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

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

  it("reports the last lines of a failure, and never a secret output", async () => {
    const script = "echo correct-horse; echo no such host >&2; exit 3";
    await assert.rejects(runScript(script, {}, { cwd }), /exit code 3(\n.*)*no such host/);
    await assert.rejects(runScript("echo only this; exit 3", {}, { cwd }), /exit code 3\nonly this$/);
    const long = "for i in $(seq 1 100); do echo line $i. >&2; done; exit 1";
    await assert.rejects(runScript(long, {}, { cwd }), /exit code 1\nline 1\.\n(.*\n)*line 100\./);
    for (const secret of [script, "echo correct-horse; exit 3"]) {
      await assert.rejects(runScript(secret, {}, { cwd, secretOutput: true }), (error: Error) => {
        assert.match(error.message, /^exit code 3/);
        return !error.message.includes("correct-horse");
      });
    }
  });

  it("logs the streams that its inputs name, and never a secret output", async () => {
    const logged = async (logging?: "stdout" | "stderr" | "none", secretOutput?: boolean) => {
      const lines: string[] = [];
      const onLine = (line: string) => lines.push(line);
      await runScript("echo out; echo err >&2", { logging }, { cwd, onLine, secretOutput });
      return lines.sort();
    };
    assert.deepEqual(await logged(), ["err", "out"]);
    assert.deepEqual(await logged("stderr"), ["err"]);
    assert.deepEqual(await logged("none"), []);
    assert.deepEqual(await logged(undefined, true), ["err"]);
  });

  it("is ended with all its children when it takes too long or the run is stopped", async () => {
    const script = "trap 'echo ended > log; exit 1' TERM; sleep 60 & wait";
    await assert.rejects(runScript(script, {}, { cwd, timeoutMs: 300 }), /took more than 0\.3 s/);
    assert.equal(readFileSync(path.join(cwd, "log"), "utf8"), "ended\n");
    await assert.rejects(runScript(script, {}, { cwd, signal: AbortSignal.timeout(300) }), /stopped/);
  });

  it("reports a shell or a folder that does not exist", async () => {
    await assert.rejects(runScript("true", { interpreter: ["/no/such/shell"] }, { cwd }), /ENOENT/);
    await assert.rejects(runScript("true", { dir: "/no/such/folder" }, { cwd }), /ENOENT/);
  });

  it("is refused with inputs that only the provider supports", () => {
    assert.throws(() => commandInputs({ create: "a", triggers: [1], assetPaths: ["x"] }), /triggers, assetPaths: not/);
  });
});

describe("a release", () => {
  const release = { chart: "./charts/web", name: "web", namespace: "shop", timeout: 60, atomic: true };

  it("is upgraded with the flags of the Helm that is used", () => {
    assert.ok(upgradeArguments(release, {}, "3.22.0").includes("--atomic"));
    const four = upgradeArguments(release, { "a/b": "c", d: "e" }, "4.1.4");
    assert.ok(four.includes("--rollback-on-failure") && !four.includes("--atomic"));
    assert.deepEqual(four.slice(0, 6), ["upgrade", "web", "./charts/web", "--install", "--namespace", "shop"]);
    assert.equal(four[four.indexOf("--labels") + 1], "a/b=c,d=e");
    assert.ok(!upgradeArguments({ ...release, skipAwait: true }, {}, "4.1.4").includes("--wait"));
  });

  it("is deployed where its newest revision is, with the same inputs", () => {
    const inputs = releaseInputs({ ...release, values: { a: 1, b: 2 } }, { name: "web" });
    const labels = { "talos-mesh/digest": inputDigest(inputs) };
    const same = releaseInputs({ values: { b: 2, a: 1 }, ...release }, { name: "web" });
    assert.equal(isDeployed({ status: "deployed", labels }, same), true);
    assert.equal(isDeployed({ status: "failed", labels }, same), false);
    assert.equal(isDeployed({ status: "deployed", labels: {} }, same), false);
    assert.equal(isDeployed({ status: "deployed", labels }, { ...same, values: { a: 1 } }), false);
    assert.equal(isDeployed(undefined, same), false);
  });

  it("is refused with inputs that this engine would ignore", () => {
    assert.throws(() => releaseInputs({ ...release, postrender: "x" }, { name: "web" }), /postrender: not supported/);
    const withLogin = { ...release, repositoryOpts: { repo: "https://charts", password: "x" } };
    assert.throws(() => releaseInputs(withLogin, { name: "web" }), /repositoryOpts\.password/);
    assert.equal(releaseInputs({ chart: "web", verify: false }, { name: "other" }).name, "other");
  });
});

describe("the marks of an object", () => {
  const object = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: { a: "b" } }, spec: {} };
  const stack = { stack: "dev", layer: "platform" };
  const found = (annotations?: Record<string, string>) =>
    ({ ...object, metadata: { ...object.metadata, annotations } }) as unknown as LiveObject;

  it("are added in its metadata, and keep the time of its creation", () => {
    const first = withMarks(object, undefined, stack).metadata;
    assert.deepEqual(first.labels, { a: "b", "talos-mesh/stack": "dev" });
    assert.equal(first.annotations?.["talos-mesh/layer"], "platform");
    const again = withMarks(object, found(first.annotations), stack).metadata;
    assert.deepEqual(again, first);
  });

  it("are not given to one that already existed", () => {
    assert.deepEqual(withMarks(object, found(), stack), object);
  });

  it("are values that Kubernetes accepts", () => {
    const value = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
    for (const name of ["dev", "a".repeat(100), `${"a".repeat(62)}-b`]) assert.match(stackMark(name), value);
    assert.match(timestamp(), value);
  });
});

describe("what is deleted", () => {
  const object = (kind: string, second: number, namespace?: string): Owned => {
    const reference = { apiVersion: "v1", kind, name: "x", namespace };
    const createdAt = `2026-01-01T00-00-0${second}`;
    return { kind: "object", key: objectKey(reference), layer: "apps", label: kind, createdAt, reference };
  };

  it("goes in the reverse order of creation, objects of namespaces side by side", () => {
    const release: Owned = {
      ...{ kind: "release", key: "r", layer: "mesh", label: "Release", createdAt: "2026-01-01T00-00-03" },
      release: { namespace: "shop", name: "web" },
    };
    const owned = [object("Namespace", 1), object("Crate", 4, "shop"), release, object("ConfigMap", 2, "shop")];
    const order = batches([...owned, object("Service", 5, "shop"), object("CustomResourceDefinition", 2)]);
    assert.deepEqual(
      order.map((batch) => batch.map(({ label }) => label)),
      [["Service", "Crate"], ["Release"], ["ConfigMap"], ["CustomResourceDefinition"], ["Namespace"]],
    );
  });

  it("is not an object of another version of the same API", () => {
    const reference = { kind: "Gateway", namespace: "shop", name: "web" };
    const key = objectKey({ ...reference, apiVersion: "networking.istio.io/v1beta1" });
    assert.equal(key, objectKey({ ...reference, apiVersion: "networking.istio.io/v1" }));
    assert.notEqual(key, objectKey({ ...reference, apiVersion: "gateway.networking.k8s.io/v1" }));
  });
});

describe("names", () => {
  it("have the outermost layer of a URN", () => {
    const urn = "urn:pulumi:dev::p::talos-mesh:mesh:Istio$talos-mesh:mesh:Gateways$kubernetes:helm.sh/v3:Release::x";
    assert.equal(layerOf(urn), "mesh");
    assert.equal(layerOf("urn:pulumi:dev::p::command:local:Command::x"), "other");
  });

  it("consist of kind, namespace and name", () => {
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

  it("digests are equal for equal values, whatever the order of their keys", () => {
    assert.equal(inputDigest({ a: 1, b: { c: 2, d: 3 } }), inputDigest({ b: { d: 3, c: 2 }, a: 1 }));
    assert.notEqual(inputDigest({ a: 1 }), inputDigest({ a: "1" }));
    assert.notEqual(inputDigest([1, 2]), inputDigest([2, 1]));
  });
});

describe("what the embedded engine refuses", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-refusal-"));
    writeFileSync(path.join(folder, "Pulumi.yaml"), "name: talos-mesh\nruntime: nodejs\n");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const check = (config: Record<string, unknown>) => {
    const configFile = path.join(folder, "stack.yaml");
    writeFileSync(configFile, JSON.stringify({ config }));
    refuseUnsupportedStack({ projectRoot: folder, stack: "x", configFile });
  };

  it("is every environment but dev, every cluster it cannot create, and secrets it cannot read", () => {
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
