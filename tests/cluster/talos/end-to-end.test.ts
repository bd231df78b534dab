import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { type Registration, runProgram, unwrapSecrets } from "../../../embedded/program/run-program";
import { projectRoot } from "../../support/program";
import { FakeTalos } from "../../support/talosctl/fake";
import { addresses, world } from "./worlds";

type Sections = Readonly<Record<string, unknown>>;
interface Inputs {
  readonly create: string;
  readonly update?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly addPreviousOutputInEnv?: boolean;
}
interface Ran {
  readonly inputs: Inputs;
  readonly stdout: string;
}

const node = (hostname: string, ipAddress: string, controlPlane = false) => ({
  ...{ hostname, ipAddress, controlPlane },
  installDisk: "/dev/sda",
});

const article = {
  kind: "talos",
  name: "istio-cluster",
  endpoint: "https://192.168.128.27:6443",
  talosVersion: "v1.7.4",
  kubernetesVersion: "v1.29.1",
  discovery: false,
  schematic: { systemExtensions: ["siderolabs/qemu-guest-agent", "siderolabs/iscsi-tools"] },
  nodes: [
    node("controlplane", addresses.controlPlane, true),
    node("worker-1", addresses.worker1),
    node("worker-2", addresses.worker2),
  ],
};

/** A small engine: runs each command when it is registered, if its inputs have changed since the last run. */
class Deployment {
  private readonly done = new Map<string, Ran>();
  private ran: readonly string[] = [];
  /** Seconds a step may wait for a node. */
  deadline = "60";

  constructor(readonly talos: FakeTalos) {}

  /** @returns the commands that ran, in their order */
  async up(change: Sections = {}): Promise<readonly string[]> {
    this.ran = [];
    const configFile = path.join(this.talos.folder, "Pulumi.dev.yaml");
    const config = {
      "talos-mesh:environment": "dev",
      "talos-mesh:cluster": { ...article, ...change },
      "talos-mesh:charts": { source: "https://charts.example.com" },
      "talos-mesh:mesh": { version: "1.22.1", profile: "default" },
    };
    writeFileSync(configFile, stringify({ config }));
    const host = { register: (registration: Registration) => this.register(registration) };
    await runProgram({ projectRoot, stack: "dev", configFile, host, onWarning: () => undefined });
    return this.ran;
  }

  /** Pretends that the last deployment was in an earlier half-year. */
  ageByHalfYear(): void {
    const last = this.done.get("cluster-kubeconfig");
    assert.match(last?.inputs.environment?.TALOS_HALF_YEAR ?? "", /^\d{4}-[12]$/);
    const environment = { ...last?.inputs.environment, TALOS_HALF_YEAR: "2020-1" };
    if (last) this.done.set("cluster-kubeconfig", { ...last, inputs: { ...last.inputs, environment } });
  }

  private async register({ type, name, inputs, ignoreChanges }: Registration) {
    if (type !== "command:local:Command") return { id: name, state: { ...inputs } };
    // Nothing of the mesh is tested here: the fake kubeconfig has no cluster.
    if (!name.startsWith("cluster-")) return { id: name, state: { ...inputs, stdout: "", stderr: "" } };
    const last = this.done.get(name);
    const given = unwrapSecrets(inputs) as Inputs;
    const kept = last
      ? Object.fromEntries(Object.entries(last.inputs).filter(([key]) => ignoreChanges.includes(key)))
      : {};
    const now = { ...given, ...kept };
    if (!last || JSON.stringify(last.inputs) !== JSON.stringify(now)) {
      this.ran = [...this.ran, name];
      const stdout = await this.execute(last ? (now.update ?? now.create) : now.create, now, last?.stdout);
      this.done.set(name, { inputs: now, stdout });
    }
    return { id: name, state: { ...inputs, stdout: this.done.get(name)?.stdout, stderr: "" } };
  }

  private execute(script: string, { environment, stdin, addPreviousOutputInEnv }: Inputs, previous?: string) {
    const child = spawn("/bin/sh", ["-c", script], {
      cwd: projectRoot,
      env: {
        ...this.talos.env,
        TALOS_DEADLINE: this.deadline,
        ...environment,
        ...(addPreviousOutputInEnv && previous !== undefined && { PULUMI_COMMAND_STDOUT: previous }),
      },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (part: Buffer) => (stdout += part.toString()));
    child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
    child.stdin.on("error", () => undefined).end(stdin ?? "");
    return new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => (code === 0 ? resolve(stdout.replace(/\n$/, "")) : reject(new Error(stderr))));
    });
  }
}

async function deployment(act: (deployed: Deployment) => Promise<void>): Promise<void> {
  const talos = new FakeTalos(
    world("maintenance", ({ kubernetes }) => {
      // Kubelets register by themselves; this is not tested here.
      kubernetes.nodes = ["controlplane", "worker-1", "worker-2"];
    }),
  );
  try {
    await act(new Deployment(talos));
  } finally {
    talos.remove();
  }
}

describe("three machines in maintenance mode", function () {
  this.timeout(400_000);

  it("become a cluster, stay as they are, and go through changes, each with the steps it needs", () =>
    deployment(async (deployed) => {
      const { talos } = deployed;
      const first = await deployed.up();
      assert.equal(talos.world.bootstraps, 1);
      assert.ok(Object.values(talos.world.nodes).every(({ stage }) => stage === "running"));
      assert.equal(first.at(-1), "cluster-kubeconfig");

      assert.deepEqual(await deployed.up(), [], "a second deployment runs nothing");

      deployed.ageByHalfYear();
      assert.deepEqual(await deployed.up(), ["cluster-kubeconfig"], "its certificate is renewed in time");

      const patch = { machine: { sysctls: { "net.core.somaxconn": "1024" } } };
      const nodes = article.nodes.map((each) => (each.hostname === "worker-1" ? { ...each, patches: [patch] } : each));
      assert.deepEqual(await deployed.up({ nodes }), ["cluster-config-worker-1", "cluster-apply-worker-1"]);
      assert.match(talos.node(addresses.worker1).config ?? "", /somaxconn/);

      talos.change({ ...talos.world, client: "v1.8.4" });
      const upgraded = { nodes, talosVersion: "v1.8.4" };
      const ran = await deployed.up(upgraded);
      assert.deepEqual(talos.world.upgrades, ["controlplane v1.8.4", "worker-1 v1.8.4", "worker-2 v1.8.4"]);
      assert.ok(!ran.includes("cluster-machine-secrets") && !ran.includes("cluster-bootstrap"));
      const contracts = talos.calls.flatMap(({ argv }) => argv.filter((word) => word.startsWith("--talos-version=")));
      assert.deepEqual(
        [...new Set(contracts)],
        ["--talos-version=v1.7"],
        "the contract stays that of the first version",
      );

      await deployed.up({ ...upgraded, kubernetesVersion: "v1.30.2" });
      assert.deepEqual(talos.world.kubernetesUpgrades, ["1.30.2"]);
      assert.ok(Object.values(talos.world.nodes).every(({ config }) => config?.includes("kubelet:v1.30.2")));

      await deployed.up({ ...upgraded, kubernetesVersion: "v1.30.2", nodes: nodes.slice(0, 2) });
      assert.deepEqual(talos.world.kubernetes.nodes, ["controlplane", "worker-1"]);
      assert.equal(talos.node(addresses.worker2).stage, "running", "the machine is left alone");
    }));

  it("continue after a deployment that failed half-way", () =>
    deployment(async (deployed) => {
      const { talos } = deployed;
      const off = talos.world;
      off.nodes[addresses.worker2]!.stage = "off";
      talos.change(off);
      deployed.deadline = "5";
      await assert.rejects(deployed.up(), /worker-2 \(192\.168\.128\.30\): apply: the node does not answer/);
      assert.equal(talos.world.bootstraps, 1);

      const on = talos.world;
      on.nodes[addresses.worker2]!.stage = "maintenance";
      talos.change(on);
      deployed.deadline = "60";
      const ran = await deployed.up();
      assert.ok(!ran.includes("cluster-bootstrap") && !ran.includes("cluster-apply-controlplane"));
      assert.equal(talos.world.bootstraps, 1);
      assert.equal(talos.node(addresses.worker2).stage, "running");
    }));
});
