import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { validate } from "../../components/validation/validate";
import { isSecret } from "../../embedded/program/run-program";
import { projectRoot, runStack, type StackRun } from "../support/program";

const wanted = {
  prometheus: {},
  grafana: {},
  kiali: {},
  tracing: { provider: "jaeger", sampling: 5 },
};

const addons = ["prometheus", "grafana", "kiali", "jaeger"];

function data(run: StackRun, name: string): Record<string, unknown> {
  const { inputs } = run.one("Secret", name);
  // The whole map is wrapped where anything in it is secret.
  assert.ok(
    isSecret(inputs.stringData) || Object.values(inputs.stringData as object).some(isSecret),
    `${name} is plain`,
  );
  return inputs;
}

describe("observability in the program", () => {
  let run: StackRun;
  before(async () => {
    run = await runStack({ overrides: { observability: wanted } });
  });

  it("installs every addon in the namespace, as a release of its own", () => {
    for (const addon of addons) {
      const { inputs } = run.one("Release", `observability-${addon}`);
      assert.deepEqual([inputs.name, inputs.namespace, inputs.atomic], [addon, "observability", true]);
    }
    const namespace = run.byType("Namespace").find(({ inputs }) => {
      return (inputs.metadata as { name: string }).name === "observability";
    });
    const { labels } = namespace?.inputs.metadata as { labels: Record<string, string> };
    assert.equal(labels["pod-security.kubernetes.io/enforce"], "baseline");
    assert.ok(!Object.keys(labels).some((label) => label.startsWith("istio")), "proxies would be injected");
  });

  it("installs addons in parallel with the mesh and with each other, after their namespace", () => {
    const platform = run.one("Platform");
    const releases = addons.map((addon) => run.one("Release", `observability-${addon}`));
    for (const release of releases) {
      assert.ok(run.dependsOn(release, platform), `${release.name} does not wait for its namespace`);
      assert.ok(!run.dependsOn(release, run.one("Istio")), `${release.name} waits for the mesh`);
      for (const other of releases)
        assert.ok(!run.dependsOn(release, other), `${release.name} waits for ${other.name}`);
    }
  });

  it("does not let the mesh wait for an addon", () => {
    for (const addon of addons) {
      assert.ok(!run.dependsOn(run.one("Istio"), run.one("Release", `observability-${addon}`)), addon);
    }
  });

  it("sets the sampling rate after Istio is installed", () => {
    const telemetry = run.one("Telemetry");
    assert.ok(run.dependsOn(telemetry, run.one("Istio")));
    assert.deepEqual(telemetry.inputs.spec, {
      tracing: [{ providers: [{ name: "jaeger" }], randomSamplingPercentage: 5 }],
    });
    assert.equal((telemetry.inputs.metadata as { namespace: string }).namespace, "istio-system");
  });

  it("leaves its Telemetry to the one of the mesh, where the settings have more for the mesh", async () => {
    const telemetry = { accessLogging: [{ filter: { expression: "response.code >= 400" } }] };
    const other = await runStack({ overrides: { observability: wanted, telemetry } });
    const { metadata, spec } = other.one("Telemetry").inputs as { metadata: { name: string }; spec: object };
    assert.equal(metadata.name, "mesh-default");
    assert.deepEqual(spec, {
      accessLogging: [{ providers: [{ name: "envoy" }], ...telemetry.accessLogging[0] }],
      tracing: [{ providers: [{ name: "jaeger" }], randomSamplingPercentage: 5 }],
    });
  });

  it("uses the same name of the trace provider in istiod's mesh config and in the Telemetry object", () => {
    const istiod = run.byType("Release").find(({ inputs }) => inputs.name === "istiod");
    const { meshConfig } = istiod?.inputs.values as { meshConfig: { extensionProviders: { name: string }[] } };
    assert.deepEqual(
      meshConfig.extensionProviders.map(({ name }) => name),
      ["jaeger"],
    );
  });

  it("generates the password and the key once, as secrets, before the releases that read them", () => {
    for (const [command, secret, release] of [
      ["observability-grafana-password", "observability-grafana-admin", "observability-grafana"],
      ["observability-kiali-key", "observability-kiali-signing-key", "observability-kiali"],
    ] as const) {
      const { additionalSecretOutputs, inputs } = run.one("Command", command);
      assert.deepEqual([...additionalSecretOutputs].sort(), ["stderr", "stdout"]);
      assert.equal(inputs.triggers, undefined);
      assert.equal(inputs.environment, undefined, "an input that can change would make another one");
      data(run, secret);
      assert.ok(run.dependsOn(run.one("Release", release), run.one("Secret", secret)), release);
    }
  });

  it("uses the password and the key of the settings, and generates none", async () => {
    const given = await runStack({
      overrides: {
        observability: {
          prometheus: {},
          grafana: { adminPassword: { secret: "grafana" } },
          kiali: { signingKey: { secret: "kiali" } },
          tracing: null,
        },
        secrets: { grafana: "correct horse battery", kiali: "0123456789abcdef" },
      },
    });
    assert.deepEqual(
      given.byType("Command").filter(({ name }) => name.startsWith("observability")),
      [],
    );
    for (const secret of ["observability-grafana-admin", "observability-kiali-signing-key"]) data(given, secret);
    assert.equal(given.byType("Telemetry").length, 0);
    const releases = JSON.stringify(given.byType("Release").map(({ inputs }) => inputs));
    assert.ok(!releases.includes("correct horse") && !releases.includes("0123456789abcdef"), "in a chart's values");
  });

  it("refuses a key for Kiali of a length that it does not accept, and names the length", () => {
    const stack = {
      environment: "dev",
      cluster: { kind: "existing", name: "test", kubeconfig: { file: "./kubeconfig" } },
      mesh: { version: "1.31.1" },
      observability: { prometheus: {}, kiali: { signingKey: { secret: "kiali" } } },
    };
    const check = (key: string) => validate(stack, { secretNames: ["kiali"], secretTexts: new Map([["kiali", key]]) });
    assert.throws(() => check("too short"), /kiali\.signingKey: the secret has 9 bytes; Kiali takes 16, 24 or 32/);
    assert.doesNotThrow(() => check("0123456789abcdef"));
  });

  it("installs nothing without settings", async () => {
    const without = await runStack({ overrides: { observability: null } });
    assert.equal(without.byType("Observability").length, 0);
    assert.ok(!without.registrations.some(({ name }) => name.startsWith("observability")));
  });
});

describe("dashboards of a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-dashboards-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const put = (file: string, content: string) => writeFileSync(path.join(folder, file), content);
  const maps = async () => {
    const run = await runStack({ overrides: { observability: { ...wanted, grafana: { dashboards: folder } } } });
    return run.byType("ConfigMap").map(({ inputs }) => inputs as { metadata: { name: string }; data: object });
  };

  it("fill as few ConfigMaps as possible, in the order of their names and without white space", async () => {
    put("b.json", JSON.stringify({ title: "B", text: "x".repeat(600_000) }, undefined, 2));
    put("a.json", JSON.stringify({ title: "A", text: "y".repeat(300_000) }, undefined, 2));
    put("c.json", JSON.stringify({ title: "C", text: "z".repeat(200_000) }, undefined, 2));
    put("notes.txt", "no dashboard");
    const files = new Map((await maps()).map(({ metadata, data: content }) => [metadata.name, Object.keys(content)]));
    assert.deepEqual(files.get("dashboards-istio-1"), ["a.json", "b.json"]);
    assert.deepEqual(files.get("dashboards-istio-2"), ["c.json"]);
    assert.deepEqual(files.get("dashboards-talos-mesh"), ["policies.json"]);
  });

  it("are refused with every file that is no dashboard", async () => {
    put("broken.json", "{");
    put("other.json", "[]");
    put("fine.json", '{"title": "fine"}');
    await assert.rejects(maps(), (error: Error) => {
      assert.match(error.message, /observability\.grafana\.dashboards: found .*; broken\.json: /);
      assert.match(error.message, /broken\.json: /);
      assert.match(error.message, /other\.json is no dashboard: it has no title/);
      assert.ok(!error.message.includes("fine.json"));
      return true;
    });
  });

  it("are refused where the folder is empty or does not exist", async () => {
    await assert.rejects(maps(), /there is no \.json file/);
    folder = path.join(folder, "nowhere");
    await assert.rejects(maps(), /ENOENT/).finally(() => (folder = path.dirname(folder)));
  });
});

describe("the script that generates a secret", () => {
  const run = (previous?: string) =>
    spawnSync(process.execPath, ["components/shared/scripts/random-secret.cjs"], {
      cwd: projectRoot,
      encoding: "utf8",
      env: { PATH: process.env.PATH, ...(previous !== undefined && { PULUMI_COMMAND_STDOUT: previous }) },
    });

  it("prints a different one each time: 32 letters and digits", () => {
    const [first, second] = [run(), run()];
    assert.match(first.stdout, /^[A-Za-z0-9]{32}$/);
    assert.match(second.stdout, /^[A-Za-z0-9]{32}$/);
    assert.notEqual(first.stdout, second.stdout);
    assert.equal(first.stderr, "");
  });

  it("prints the previous one where it exists", () => {
    const { stdout } = run();
    assert.equal(run(stdout).stdout, stdout);
  });
});
