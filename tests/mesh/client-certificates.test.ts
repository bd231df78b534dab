import assert from "node:assert/strict";
import path from "node:path";
import { isSecret, unwrapSecrets } from "../../embedded/program/run-program";
import { projectRoot, runStack, type StackRun } from "../support/program";

interface Secret {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly type: string;
  readonly stringData: Readonly<Record<string, string>>;
}

interface DestinationRule {
  readonly spec: { readonly trafficPolicy?: object };
}

describe("certificates for services outside the mesh", function () {
  this.timeout(60_000);
  let stack: StackRun;
  before(async () => {
    const configFile = path.join(projectRoot, "tests/fixtures/good/external-certificates.yaml");
    stack = await runStack({
      stack: "certificates",
      configFile,
      overrides: { charts: { source: "./embedded/charts" } },
    });
  });

  const secrets = () =>
    stack.byType("kubernetes:core/v1:Secret").filter(({ name }) => name.startsWith("client-certificates"));

  it("are a Secret in the namespace of the proxy that reads it, and secret from end to end", () => {
    const described = secrets().map(({ inputs }) => {
      const { metadata, type, stringData } = unwrapSecrets(inputs) as Secret;
      assert.ok(isSecret(inputs.stringData), metadata.name);
      return [`${metadata.namespace}/${metadata.name}`, type, Object.keys(stringData).sort().join()];
    });
    assert.deepEqual(described.sort(), [
      ["amb/bank.example.com.client-tls", "Opaque", "tls.crt,tls.key"],
      ["istio-egress/api.example.com.client-tls.80", "Opaque", "ca.crt,tls.crt,tls.key"],
      ["shop/pay.example.com.client-tls", "Opaque", "ca.crt"],
    ]);
  });

  it("are named by the traffic policy, which comes after them", () => {
    const rules = stack.registrations.filter(({ type }) => type.endsWith(":DestinationRule"));
    const text = JSON.stringify(
      rules.map(({ inputs }) => (unwrapSecrets(inputs) as DestinationRule).spec.trafficPolicy),
    );
    for (const secret of secrets()) {
      const { name } = (unwrapSecrets(secret.inputs) as Secret).metadata;
      assert.ok(text.includes(`"credentialName":"${name}"`), name);
      for (const rule of rules) assert.ok(stack.dependsOn(rule, secret), rule.name);
    }
    assert.ok(!text.includes('"secret"'), text);
  });
});
