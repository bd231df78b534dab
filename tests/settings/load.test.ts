import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { loadStack } from "../../components/validation/stack";
import { settingsSchema } from "../../components/settings/schema";
import { readStackFile, root } from "./stack-files";

/** A secret's value; it must appear in no message and no setting. */
const secretText = "hunter2-do-not-show";

/** Gives the configuration to the program as the CLI does: texts as they are, the rest as JSON, secrets in plain. */
function configure(sections: Record<string, unknown>, secretSections: readonly string[] = ["secrets"]): void {
  const entries = Object.entries(sections).map(([name, value]): [string, string] => [
    `talos-mesh:${name}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(entries),
    secretSections.map((name) => `talos-mesh:${name}`),
  );
}

async function refusal(): Promise<string> {
  try {
    await loadStack();
  } catch (error) {
    assert.ok(
      pulumi.RunError.isInstance(error),
      `expected an error the CLI shows without a stack trace, not ${String(error)}`,
    );
    return error.message;
  }
  return assert.fail("the settings were accepted");
}

const dev = readStackFile(`${root}/Pulumi.dev.yaml`).sections;

describe("loading the settings of a stack", () => {
  beforeEach(async () => {
    await pulumi.runtime.setMocks(
      { newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) },
      "talos-mesh",
      "test",
    );
  });

  after(() => pulumi.runtime.setAllConfig({}));

  it("reads the stack dev", async () => {
    configure(dev);
    const { context, model } = await loadStack();
    const { settings } = model;
    assert.equal(context.stack, "test");
    assert.equal(settings.cluster.kind, "embedded");
    assert.equal(settings.gateways.ingress?.ports.http?.nodePort, 30080);
  });

  it("takes an empty section, as the CLI fills it in from Pulumi.yaml, for one that is absent", async () => {
    const { environment, cluster, mesh } = dev;
    configure({ environment, cluster, mesh });
    const absent = (await loadStack()).model.settings;
    const empty = { platform: {}, charts: {}, images: {}, gateways: {}, traffic: {}, security: {}, secrets: {} };
    configure({ environment, cluster, mesh, ...empty });
    assert.deepEqual((await loadStack()).model.settings, absent);
  });

  it("does not look at the configuration of other projects and providers", async () => {
    configure(dev);
    pulumi.runtime.setConfig("kubernetes:context", "mine");
    pulumi.runtime.setConfig("talos-mesh-two:whatever", "{}");
    assert.equal((await loadStack()).model.settings.environment, "dev");
  });

  it("makes secrets Outputs that are secret from the first moment", async () => {
    configure({ ...dev, secrets: { kubeconfig: secretText } });
    const { model, secrets } = await loadStack();
    const { settings } = model;
    assert.deepEqual(Object.keys(secrets), ["kubeconfig"]);
    const secret = secrets.kubeconfig ?? assert.fail("no such secret");
    assert.equal(await pulumi.isSecret(secret), true);
    const text = await new Promise((resolve) => secret.apply(resolve));
    assert.equal(text, secretText);
    assert.ok(!JSON.stringify(settings).includes(secretText));
  });

  it("knows the names of secrets when it checks who refers to them", async () => {
    const cluster = { kind: "existing", name: "test", kubeconfig: { secret: "kubeconfig" } };
    const charts = { source: "./embedded/charts" };
    const kubeconfig = `clusters: [{ name: ${secretText}, cluster: {} }]`;
    configure({ ...dev, cluster, charts, secrets: { kubeconfig } });
    assert.equal((await loadStack()).model.settings.cluster.kind, "existing");
    configure({ ...dev, cluster, charts, secrets: { kubeconfg: secretText } });
    assert.match(await refusal(), /cluster\.kubeconfig\.secret: found a name .*did you mean kubeconfg\?/);
  });

  for (const section of Object.keys(settingsSchema.shape)) {
    it(`refuses a secret in ${section}, says where it belongs, and does not show it`, async () => {
      configure({ ...dev, [section]: { password: secretText, [secretText]: [secretText] } }, [section]);
      const message = await refusal();
      assert.match(message, new RegExp(`talos-mesh:${section}: holds a secret`));
      assert.match(message, /pulumi config set --secret --path 'talos-mesh:secrets\.NAME'/);
      assert.ok(!message.includes(secretText), message);
    });
  }

  const wrongSecrets: [string, unknown, RegExp][] = [
    ["a string", secretText, /talos-mesh:secrets: expected a mapping/],
    ["a list", [secretText], /talos-mesh:secrets: expected a mapping/],
    ["nothing", "", /talos-mesh:secrets: expected a mapping/],
    [
      "a mapping of mappings",
      { kubeconfig: { text: secretText } },
      /talos-mesh:secrets\.kubeconfig: found a mapping; expected a string/,
    ],
    [
      "a mapping of lists",
      { kubeconfig: [secretText] },
      /talos-mesh:secrets\.kubeconfig: found a list; expected a string/,
    ],
    ["a number", { kubeconfig: 5 }, /kubeconfig: found a number; expected a string: put it in quotes/],
    ["an empty text", { token: secretText, kubeconfig: "" }, /talos-mesh:secrets\.kubeconfig: is empty/],
    ["a string of blanks", { token: secretText, kubeconfig: " \n" }, /talos-mesh:secrets\.kubeconfig: is empty/],
  ];
  for (const [what, secrets, expected] of wrongSecrets) {
    it(`refuses ${what} under secrets without showing it`, async () => {
      configure({ ...dev, secrets });
      const message = await refusal();
      assert.match(message, expected);
      assert.ok(!message.includes(secretText), message);
    });
  }

  it("reports that a secret is empty, and not also that it does not exist", async () => {
    const cluster = { kind: "existing", name: "test", kubeconfig: { secret: "kubeconfig" } };
    configure({ ...dev, cluster, charts: { source: "./embedded/charts" }, secrets: { kubeconfig: "" } });
    assert.deepEqual((await refusal()).split("\n"), [
      "1 problem in the settings of stack test:",
      "  talos-mesh:secrets.kubeconfig: is empty",
    ]);
  });

  it("refuses a secret in an unknown section without showing it", async () => {
    configure({ ...dev, secret: { kubeconfig: secretText } }, ["secret"]);
    const message = await refusal();
    assert.match(message, /talos-mesh:secret: unknown section; did you mean secrets\?/);
    assert.ok(!message.includes(secretText), message);
  });

  it("names the stack, and every problem of configuration, schema and rules at once", async () => {
    configure({
      ...dev,
      trafic: {},
      mesh: { version: "1.31.1", profil: "demo" },
      security: { authorization: { allow: [{ to: "detail" }] } },
      verification: { requests: [{ name: "front", from: "frnt", to: "details" }] },
    });
    assert.deepEqual((await refusal()).split("\n"), [
      "4 problems in the settings of stack test:",
      "  talos-mesh:mesh.profil: unknown key; did you mean profile?",
      "  talos-mesh:security.authorization.allow[0].to: found detail; no such workload or gateway in namespace bookinfo; did you mean details?",
      "  talos-mesh:verification.requests[0].from: found frnt; no such workload or gateway in namespace bookinfo; known: details, ratings, reviews, productpage, ingress",
      "  talos-mesh:trafic: unknown section; did you mean traffic?",
    ]);
  });

  it("reports a section that is no JSON as the text it is", async () => {
    configure({ ...dev, mesh: "{version: 1.31.1}" });
    assert.match(await refusal(), /talos-mesh:mesh: found a string; expected a mapping/);
  });
});
