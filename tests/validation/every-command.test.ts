import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { runCommand } from "../../cli/command";
import { command as bench } from "../../cli/commands/bench";
import { command as dashboard } from "../../cli/commands/dashboard";
import { command as images } from "../../cli/commands/images";
import { command as policies } from "../../cli/commands/policies";
import { command as profile } from "../../cli/commands/profile";
import { command as proxies } from "../../cli/commands/proxies";
import { command as render } from "../../cli/commands/render";
import { command as start } from "../../cli/commands/start";
import { command as status } from "../../cli/commands/status";
import { command as talosConfig } from "../../cli/commands/talos-config";
import { command as talosDiff } from "../../cli/commands/talos-diff";
import { SettingsError } from "../../components/shared/problem";
import { readStack } from "../../components/validation/stack";
import { renderHost } from "../../cli/render/documents";
import { runProgram } from "../../embedded/program/run-program";
import { chartFolder } from "../mesh/values/chart-folder";
import { projectRoot } from "../support/program";

/** One mistake of each source, with the path at which it is reported and a part of its message. */
const mistakes: readonly (readonly [source: string, path: string, message: RegExp])[] = [
  ["schema", "cluster.workers", /unknown key/],
  ["patch file", "cluster.patches[0]", /found "@[^"]+"; no such file \(relative to Pulumi\.yaml\)/],
  ["chart folder", "charts.source", /it does not have cni 1\.31\.1; put each chart into a folder/],
  [
    "chart values",
    "mesh.values.istiod.replicaCuont",
    /the chart istiod reads no such value; did you mean replicaCount/,
  ],
  ["version", "cluster.kubernetesVersion", /does not go with Istio 1\.31\.1/],
  ["rule between settings", "traffic.services[0].http[0].route", /weights add up to 90/],
  ["name", "traffic.services[1].host", /found review; no such workload/],
  ["policy", "security.authorization.allow[0].claims", /details accepts no token/],
  ["data plane", "security.authorization.dryRun", /not in the ambient data plane/],
  ["benchmark plan", "benchmark", /fewer than two for each connection/],
  ["CRD of an object", "objects[0].spec.resolutoin", /unknown key; did you mean resolution/],
  ["secret", "images.pullSecrets[0].dockerConfigJson.secret", /found a name that talos-mesh:secrets does not have/],
];

function stackOf(charts: string): object {
  const node = { hostname: "cp-1", ipAddress: "192.0.2.10", controlPlane: true, installDisk: "/dev/sda" };
  const sections = {
    environment: "dev",
    cluster: {
      ...{ kind: "talos", name: "test", endpoint: "https://192.0.2.10:6443", talosVersion: "v1.13.0" },
      ...{ kubernetesVersion: "v1.31.0", allowSchedulingOnControlPlanes: true, workers: 2 },
      ...{ nodes: [node], patches: ["@nowhere.yaml"] },
    },
    charts: { source: charts },
    images: { pullSecrets: [{ name: "registry", dockerConfigJson: { secret: "registry" } }] },
    mesh: {
      version: "1.31.1",
      namespaces: { shop: { dataPlane: "ambient" } },
      values: { istiod: { replicaCuont: 2 } },
    },
    bookinfo: {},
    applications: [{ namespace: "shop", workloads: [{ name: "till", serviceAccount: "till", port: 80 }] }],
    traffic: {
      services: [{ host: "reviews", subsets: ["v1", "v2"], http: [{ route: { v1: 50, v2: 40 } }] }, { host: "review" }],
    },
    security: {
      authorization: { dryRun: true, allow: [{ to: "details", from: ["productpage"], claims: { groups: ["a"] } }] },
    },
    objects: [
      {
        ...{ apiVersion: "networking.istio.io/v1", kind: "ServiceEntry", metadata: { name: "a", namespace: "shop" } },
        spec: { hosts: ["example.net"], resolutoin: "DNS" },
      },
    ],
    benchmark: { qps: [1], duration: "1s", connections: [64] },
  };
  return { config: Object.fromEntries(Object.entries(sections).map(([name, value]) => [`talos-mesh:${name}`, value])) };
}

describe("a stack file with a mistake of each source", () => {
  const [charts, removeCharts] = chartFolder({
    base: { values: {} },
    istiod: { values: { replicaCount: 1 } },
    ztunnel: { values: {} },
  });
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-every-"));
  const file = path.join(folder, "Pulumi.every.yaml");
  let message: string;

  before(() => {
    writeFileSync(file, stringify(stackOf(charts)));
    try {
      readStack(projectRoot, file);
      assert.fail("the stack file was accepted");
    } catch (error) {
      assert.ok(error instanceof SettingsError, String(error));
      message = error.message;
    }
  });
  after(() => {
    removeCharts();
    rmSync(folder, { recursive: true });
  });

  for (const [source, at, expected] of mistakes) {
    it(`reports that of the ${source}`, () => {
      const lines = message.split("\n").filter((line) => line.includes(`: talos-mesh:${at}: `));
      assert.ok(lines.length > 0, `nothing at ${at}:\n${message}`);
      assert.match(lines.join("\n"), expected);
    });
  }

  it("reports nothing else, and each in the order of the file", () => {
    const [heading, ...lines] = message.split("\n");
    assert.equal(heading, `${mistakes.length} problems in ${file}:`, message);
    const numbers = lines.map((line) => Number(line.slice(`  ${file}:`.length).split(":")[0]));
    assert.ok(numbers.every((number) => number > 0));
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
  });

  const given = ["--stack", "every", "--config", file];
  const commands: Readonly<Record<string, () => Promise<unknown>>> = {
    render: () => runCommand(render, [...given, "--out", path.join(folder, "out")]),
    images: () => runCommand(images, given),
    start: () => runCommand(start, given),
    status: () => runCommand(status, given),
    bench: () => runCommand(bench, given),
    dashboard: () => runCommand(dashboard, ["kiali", ...given]),
    proxies: () => runCommand(proxies, given),
    profile: () => runCommand(profile, ["dump", "default", ...given]),
    "policies explain": () => runCommand(policies, ["explain", "--from", "productpage", "--to", "details", ...given]),
    "policies plaintext": () => runCommand(policies, ["plaintext", ...given]),
    "talos:config": () => runCommand(talosConfig, given),
    "talos:diff": () => runCommand(talosDiff, given),
    "the program": () => runProgram({ projectRoot, stack: "every", configFile: file, host: renderHost }),
  };
  for (const [name, run] of Object.entries(commands)) {
    it(`gets the same message from ${name}`, async () => {
      await assert.rejects(run(), { message });
    });
  }

  it("costs `npm start` neither tools nor records", () => {
    const cache = path.join(folder, "cache");
    const before = readdirSync(projectRoot);
    const { status: code, ...printed } = spawnSync(
      process.execPath,
      ["cli/bin/talos-mesh.cjs", "start", "--config", file, "--stack", "every"],
      { cwd: projectRoot, env: { ...process.env, TALOS_MESH_CACHE: cache }, encoding: "utf8" },
    );
    assert.deepEqual([code, printed.stdout], [1, ""]);
    assert.ok(printed.stderr.includes(message), printed.stderr);
    assert.ok(!existsSync(cache));
    assert.deepEqual(readdirSync(projectRoot), before);
  });
});

it("a program that runs without the values of secrets does not check them", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-secrets-"));
  const configFile = path.join(folder, "Pulumi.secrets.yaml");
  const sections = {
    environment: "dev",
    cluster: { kind: "embedded", name: "test" },
    mesh: { version: "1.31.1" },
    images: { pullSecrets: [{ name: "registry", dockerConfigJson: { secret: "registry" } }] },
    secrets: { registry: { secure: "v1:bm90aGluZw==" } },
  };
  writeFileSync(configFile, stringify({ config: sections }));
  await runProgram({ projectRoot, stack: "secrets", configFile, host: renderHost });
  rmSync(folder, { recursive: true });
});
