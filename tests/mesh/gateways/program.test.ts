import assert from "node:assert/strict";
import path from "node:path";
import { isSecret, unwrapSecrets } from "../../../embedded/program/run-program";
import { projectRoot, runStack, type StackRun } from "../../support/program";

const stackFile = path.join(projectRoot, "tests/fixtures/good/gateways-everything.yaml");
const charts = { source: "./embedded/charts" };

function run(overrides: object = {}): Promise<StackRun> {
  return runStack({ stack: "gateways", configFile: stackFile, overrides: { charts, ...overrides } });
}

interface Release {
  readonly chart: string;
  readonly name: string;
  readonly namespace: string;
  readonly atomic?: boolean;
  readonly skipAwait?: boolean;
}

interface Secret {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly type: string;
  readonly stringData: Readonly<Record<string, string>>;
}

/** What is registered, by name, as text. */
function inputs({ registrations }: StackRun): Map<string, string> {
  return new Map(
    registrations.map(({ type, name, inputs }) => [`${type} ${name}`, JSON.stringify(unwrapSecrets(inputs))]),
  );
}

function changed(before: StackRun, after: StackRun): string[] {
  const [old, now] = [inputs(before), inputs(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((key) => old.get(key) !== now.get(key)).sort();
}

describe("the gateways of an environment", function () {
  this.timeout(60_000);
  let stack: StackRun;
  before(async () => {
    stack = await run();
  });

  it("are one release each, in a namespace that is created before", () => {
    const releases = stack
      .byType("kubernetes:helm.sh/v3:Release")
      .filter(({ inputs }) => (inputs as unknown as Release).chart.endsWith("/gateway"));
    const places = releases.map(({ inputs }) => inputs as unknown as Release);
    assert.deepEqual(places.map(({ name, namespace }) => `${namespace}/${name}`).sort(), [
      "edge/istio-partners",
      "istio-egress/istio-egress",
      "istio-ingress/istio-ingress",
      "istio-raw/istio-raw",
    ]);
    for (const release of releases) {
      const { namespace } = release.inputs as unknown as Release;
      assert.ok(stack.dependsOn(release, stack.one("Namespace", `platform-${namespace}`)), release.name);
    }
  });

  it("wait inside Helm, except behind a load balancer, where a step waits with a limit", () => {
    const release = (name: string) => stack.one("kubernetes:helm.sh/v3:Release", name).inputs as unknown as Release;
    assert.deepEqual(
      [release("istio-gateway-ingress").atomic, release("istio-gateway-ingress").skipAwait],
      [true, undefined],
    );
    assert.deepEqual(
      [release("istio-gateway-partners").atomic, release("istio-gateway-partners").skipAwait],
      [undefined, true],
    );
    const step = stack.one("command:local:Command", "istio-gateway-partners-address");
    assert.ok(stack.dependsOn(step, stack.one("kubernetes:helm.sh/v3:Release", "istio-gateway-partners")));
    const { MESH_STEP } = unwrapSecrets(step.inputs.environment) as { MESH_STEP: string };
    const { values, ...request } = JSON.parse(MESH_STEP) as Record<string, unknown>;
    assert.deepEqual(request, { namespace: "edge", release: "istio-partners", addressSeconds: 90 });
    assert.match(String(values), /^[0-9a-f]{12}$/);
  });

  it("have a certificate that is secret from end to end", () => {
    const certificates = stack.byType("kubernetes:core/v1:Secret").filter(({ name }) => name.includes("certificates"));
    const described = certificates.map(({ inputs }) => {
      const { metadata, type, stringData } = unwrapSecrets(inputs) as Secret;
      assert.ok(isSecret(inputs.stringData), metadata.name);
      return [`${metadata.namespace}/${metadata.name}`, type, Object.keys(stringData).sort().join()];
    });
    assert.deepEqual(described.sort(), [
      ["edge/istio-partners-certificate", "kubernetes.io/tls", "ca.crt,tls.crt,tls.key"],
      ["istio-ingress/istio-ingress-certificate", "kubernetes.io/tls", "tls.crt,tls.key"],
    ]);
    const made = stack.one("command:local:Command", "gateway-certificates-ingress-self-signed");
    assert.deepEqual([...made.additionalSecretOutputs].sort(), ["stderr", "stdout"]);
    assert.deepEqual(made.inputs.environment, {
      SUBJECT_ALT_NAMES: "DNS:bookinfo.example.com,DNS:localhost,IP:127.0.0.1",
      DAYS: "760",
    });
  });

  it("have https URLs where they have TLS", async () => {
    assert.deepEqual(stack.outputs.urls, [
      "https://bookinfo.example.com:30443/productpage",
      "https://bookinfo.example.com:443/productpage",
    ]);
    const plain = await run({ gateways: { ingress: { tls: null }, partners: { tls: null } } });
    assert.deepEqual(plain.outputs.urls, [
      "http://bookinfo.example.com:30080/productpage",
      "http://bookinfo.example.com:80/productpage",
    ]);
    assert.deepEqual(
      plain.byType("GatewayCertificates").map(({ name }) => name),
      [],
    );
  });

  it("change independently: another port changes one release, another host one certificate", async () => {
    const port = await run({ gateways: { ingress: { extraPorts: { tcp: { port: 9000 } } } } });
    assert.deepEqual(changed(stack, port), ["kubernetes:helm.sh/v3:Release istio-gateway-ingress"]);
    const class_ = await run({ gateways: { partners: { loadBalancerClass: "example.com/other" } } });
    assert.deepEqual(changed(stack, class_), [
      "command:local:Command istio-gateway-partners-address",
      "kubernetes:helm.sh/v3:Release istio-gateway-partners",
    ]);
    const timeout = await run({ gateways: { partners: { loadBalancerTimeout: "10m" } } });
    assert.deepEqual(changed(stack, timeout), ["command:local:Command istio-gateway-partners-address"]);
  });

  it("get their pull secrets, as every namespace with pods does", () => {
    const pulls = stack.byType("kubernetes:core/v1:Secret").filter(({ name }) => name.includes("pull-secret"));
    const namespaces = pulls.map(({ inputs }) => (inputs as unknown as Secret).metadata.namespace);
    const made = stack.byType("Namespace").map(({ inputs }) => (inputs as unknown as Secret).metadata.name);
    assert.deepEqual([...namespaces].sort(), [...made, "kube-system"].sort());
    for (const { inputs } of pulls) {
      assert.equal(inputs.type, "kubernetes.io/dockerconfigjson");
      assert.ok(isSecret(inputs.stringData));
    }
    const release = stack.one("kubernetes:helm.sh/v3:Release", "istio-gateway-ingress");
    for (const pull of pulls) assert.ok(stack.dependsOn(release, pull), pull.name);
    const accounts = stack.byType("ServiceAccount").map(({ inputs }) => inputs.imagePullSecrets);
    assert.ok(accounts.length >= 5);
    for (const named of accounts) assert.deepEqual(named, [{ name: "registry" }]);
  });
});
