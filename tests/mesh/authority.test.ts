import assert from "node:assert/strict";
import path from "node:path";
import { isSecret, unwrapSecrets } from "../../embedded/program/run-program";
import { validate } from "../../components/validation/validate";
import { root } from "../settings/stack-files";
import { runStack } from "../support/program";
import { type KeyPair, twoAuthorities } from "./gateways/openssl";

describe("the authority that istiod signs with", function () {
  this.timeout(60_000);
  let own: KeyPair;
  let other: KeyPair;
  before(function () {
    [own, other] = twoAuthorities(this);
  });

  const reference = (secret: string) => ({ secret });
  const check = (texts: Readonly<Record<string, string>>, ca: object = {}) =>
    validate(
      {
        environment: "dev",
        cluster: { kind: "embedded", name: "test" },
        mesh: {
          version: "1.31.1",
          ca: {
            kind: "plugged",
            ...{ certificate: reference("ca"), privateKey: reference("key"), rootCertificate: reference("root") },
            ...ca,
          },
        },
      },
      { secretNames: Object.keys(texts), secretTexts: new Map(Object.entries(texts)) },
    );

  it("is a Secret of the user's texts, before istiod, which starts again where another one is named", async () => {
    const secrets = { ca: own.certificate, caKey: own.privateKey, root: own.certificate, chain: own.certificate };
    const run = await runStack({
      stack: "production",
      configFile: path.join(root, "tests/fixtures/good/mesh-plugged-authority.yaml"),
      overrides: { secrets },
    });
    const cacerts = run.one("Secret", "istio-cacerts");
    assert.deepEqual(cacerts.inputs.metadata, { name: "cacerts", namespace: "istio-system" });
    const { stringData } = cacerts.inputs;
    assert.ok(isSecret(stringData) || Object.values(stringData as object).every(isSecret));
    assert.deepEqual(unwrapSecrets(stringData), {
      "ca-cert.pem": own.certificate,
      "ca-key.pem": own.privateKey,
      "cert-chain.pem": own.certificate,
      "root-cert.pem": own.certificate,
    });
    const istiod = run.one("Release", "istio-istiod");
    assert.ok(run.dependsOn(istiod, cacerts));
    const check = run.one("Command", "istio-authority-check");
    assert.ok(run.dependsOn(cacerts, check), "the Secret changes before it is known whether workloads trust it");
    assert.ok(isSecret((check.inputs.environment as { MESH_STEP: unknown }).MESH_STEP));
    const { pilot } = istiod.inputs.values as { pilot: { podAnnotations: Record<string, string> } };
    assert.match(pilot.podAnnotations["talos-mesh/certificate-authority"] ?? "", /^[0-9a-f]+$/);
    assert.ok(!JSON.stringify(istiod.inputs).includes("BEGIN"));
  });

  it("is left to istiod where the settings have none, or say so", async () => {
    for (const ca of [undefined, { kind: "self-signed" }]) {
      const run = await runStack({ overrides: { mesh: { ca } } });
      assert.equal(run.byType("Secret").filter(({ name }) => name.includes("cacerts")).length, 0);
    }
  });

  it("is accepted with its root, also next to the root that it replaces", () => {
    const texts = { ca: own.certificate, key: own.privateKey };
    check({ ...texts, root: own.certificate });
    check({ ...texts, root: other.certificate + own.certificate });
  });

  it("is refused with the key of another, or a root that did not sign it, unless a chain leads there", () => {
    const texts = { ca: own.certificate, key: own.privateKey, root: other.certificate };
    assert.throws(() => check({ ...texts, key: other.privateKey }), /mesh\.ca\.privateKey: secret key is not the key/);
    assert.throws(() => check(texts), /mesh\.ca\.rootCertificate: secret root has no root that signed certificate/);
    assert.throws(() => check({ ...texts, root: "none" }), /mesh\.ca\.rootCertificate: secret root cannot be read/);
    check({ ...texts, chain: own.certificate }, { certificateChain: reference("chain") });
  });

  it("is refused with a chain that does not begin with it", () => {
    const texts = { ca: own.certificate, key: own.privateKey, root: other.certificate };
    const withChain = (chain: string) => () => check({ ...texts, chain }, { certificateChain: reference("chain") });
    const expected = /mesh\.ca\.certificateChain: secret chain does not begin with the certificate of secret ca/;
    assert.throws(withChain(other.certificate), expected);
    assert.throws(withChain("none"), /mesh\.ca\.certificateChain: secret chain cannot be read/);
    withChain(own.certificate + other.certificate)();
  });
});
