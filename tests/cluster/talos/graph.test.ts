import assert from "node:assert/strict";
import { isSecret, type Registration } from "../../../embedded/program/run-program";
import { runStack, type StackRun } from "../../support/program";
import { machineSecrets } from "./worlds";

const commandType = "command:local:Command";
type Sections = Readonly<Record<string, unknown>>;

const controlPlane = (number: number) => ({
  hostname: `cp-${number}`,
  ipAddress: `203.0.113.1${number}`,
  controlPlane: true,
  installDisk: "/dev/sda",
});
const worker = (number: number) => ({
  hostname: `worker-${number}`,
  ipAddress: `203.0.113.2${number}`,
  installDisk: "/dev/sda",
});

/** Three control planes and two workers, at a current contract. */
const talos = {
  kind: "talos",
  name: "test",
  endpoint: "https://203.0.113.10:6443",
  talosVersion: "v1.13.9",
  contract: "v1.13",
  kubernetesVersion: "v1.35.2",
  schematic: { systemExtensions: ["siderolabs/qemu-guest-agent"] },
  nodes: [controlPlane(1), controlPlane(2), controlPlane(3), worker(1), worker(2)],
};

function runTalos(change: Sections = {}, more: Sections = {}): Promise<StackRun> {
  return runStack({
    config: {
      environment: "dev",
      cluster: { ...talos, ...change },
      charts: { source: "https://charts.example.com" },
      mesh: { version: "1.31.1", profile: "default" },
      ...more,
    },
  });
}

const command = (run: StackRun, name: string) => run.one(commandType, `cluster-${name}`);

/** Asserts that each waits for the one before it. */
function assertOrder(run: StackRun, ...names: readonly string[]): void {
  for (const [index, name] of names.slice(1).entries()) {
    const before = names[index] ?? "";
    assert.ok(run.dependsOn(command(run, name), command(run, before)), `${name} does not wait for ${before}`);
    assert.ok(!run.dependsOn(command(run, before), command(run, name)), `${before} waits for ${name}`);
  }
}

describe("the graph of a Talos cluster", function () {
  this.timeout(60_000);
  let run: StackRun;
  before(async () => {
    run = await runTalos();
  });

  it("goes from machine secrets to a usable cluster", () => {
    assertOrder(
      run,
      "machine-secrets",
      "config-cp-1",
      "apply-cp-1",
      "bootstrap",
      "apply-cp-2",
      "apply-cp-3",
      "apply-worker-1",
      "members",
      "certificates",
      "upgrade-cp-1",
      "upgrade-cp-2",
      "upgrade-cp-3",
      "upgrade-worker-1",
      "upgrade-worker-2",
      "upgrade-kubernetes",
      "health",
      "kubeconfig",
    );
    const provider = run.one("pulumi:providers:kubernetes");
    assert.ok(run.dependsOn(provider, command(run, "kubeconfig")));
  });

  it("touches no node before the configs of all are generated and validated", () => {
    for (const { hostname } of talos.nodes) {
      for (const applied of talos.nodes) {
        assert.ok(run.dependsOn(command(run, `apply-${applied.hostname}`), command(run, `config-${hostname}`)));
      }
    }
  });

  it("uploads the schematic to the Image Factory before a node needs its installer", () => {
    const [schematic, ...others] = run.byType(commandType).filter(({ name }) => name.startsWith("cluster-schematic-"));
    assert.ok(schematic && others.length === 0 && run.dependsOn(command(run, "apply-cp-1"), schematic));
  });

  it("has a kubeconfig before health where Talos installs no CNI, also by a patch, and is used after health", async () => {
    for (const change of [{ cni: { name: "none" } }, { patches: ["cluster: {network: {cni: {name: none}}}\n"] }]) {
      const other = await runTalos(change);
      const health = command(other, "health");
      assertOrder(other, "certificates", "upgrade-kubernetes", "kubeconfig", "health");
      assert.ok(other.dependsOn(other.one("pulumi:providers:kubernetes"), health));
      assert.match(JSON.stringify(health.inputs.environment), /"TALOS_CNI":"none"/);
    }
  });

  it("applies to workers together, and one by one where a config may reboot them", async () => {
    assert.ok(!run.dependsOn(command(run, "apply-worker-2"), command(run, "apply-worker-1")));
    assertOrder(await runTalos({ reboot: "when-needed" }), "apply-worker-1", "apply-worker-2");
  });

  it("replaces no command, and destroys nothing without onDestroy", () => {
    for (const { name, inputs, deleteBeforeReplace } of run.byType(commandType)) {
      if (!name.startsWith("cluster-")) continue;
      assert.equal(inputs.triggers, undefined, name);
      assert.equal(inputs.delete, undefined, name);
      assert.equal(deleteBeforeReplace, undefined, name);
    }
    for (const { name, type, deletedWith } of run.registrations) {
      if (type.startsWith("kubernetes:")) assert.equal(deletedWith, undefined, `${name} outlives no node`);
    }
  });

  it("creates machine secrets and bootstraps once, whatever changes", () => {
    assert.deepEqual(command(run, "bootstrap").ignoreChanges, ["environment", "stdin"]);
    for (const name of ["machine-secrets", "bootstrap", "members"]) {
      assert.equal(command(run, name).inputs.addPreviousOutputInEnv, true, name);
    }
  });

  it("protects the machine secrets outside dev", async () => {
    assert.equal(command(run, "machine-secrets").protect, false);
    assert.equal(command(await runTalos({}, { environment: "staging" }), "machine-secrets").protect, true);
  });

  it("uses existing machine secrets", async () => {
    const kept = await runTalos({ machineSecrets: { secret: "talos" } }, { secrets: { talos: machineSecrets } });
    assert.ok(kept.byType(commandType).every(({ name }) => name !== "cluster-machine-secrets"));
    assert.ok(isSecret(command(kept, "config-cp-1").inputs.stdin));
  });

  it("has URLs at the first worker's address", () => {
    assert.ok((run.outputs.urls as string[]).every((url) => url.includes("203.0.113.21")));
  });
});

describe("the secrets of a Talos cluster", function () {
  this.timeout(60_000);

  it("are in secret inputs and outputs only", async () => {
    const secrets = { talos: machineSecrets };
    const run = await runTalos({ onDestroy: "reset", machineSecrets: { secret: "talos" } }, { secrets });
    for (const { name, inputs } of run.byType(commandType)) {
      if (name.startsWith("cluster-schematic-")) continue;
      assert.ok(inputs.stdin === undefined || isSecret(inputs.stdin), `stdin of ${name} is not secret`);
      assert.ok(!isSecret(inputs.environment), `the environment of ${name} shows nothing in a preview`);
      const shown = { ...inputs, stdin: undefined };
      assert.ok(!JSON.stringify(shown).includes("abcdef.0123456789abcdef"), `${name} shows a secret`);
    }
    assert.ok(isSecret(run.one("pulumi:providers:kubernetes").inputs.kubeconfig));
    assert.ok(isSecret(run.outputs.kubeconfig));
    for (const name of ["config-cp-1", "config-worker-2", "kubeconfig"]) {
      assert.deepEqual([...command(run, name).additionalSecretOutputs].sort(), ["stderr", "stdout"], name);
    }
  });
});

describe("patches of a Talos cluster that cannot be read", () => {
  it("are refused, all of them, before anything is created and while the contract is not known yet", async () => {
    const worker1 = { ...worker(1), patches: ["machine: ["] };
    const nodes = [controlPlane(1), worker1];
    await assert.rejects(runTalos({ contract: undefined, patches: ["@nowhere.yaml"], nodes }), (error: Error) => {
      assert.match(error.message, /^2 problems in /);
      assert.match(
        error.message,
        /cluster\.patches\[0\]: found "@nowhere\.yaml"; no such file \(relative to Pulumi\.yaml\)/,
      );
      assert.match(error.message, /cluster\.nodes\[1\]\.patches\[0\]: 1:11: not valid YAML: /);
      return true;
    });
  });
});

describe("what a change of a Talos cluster touches", function () {
  this.timeout(60_000);

  /** Names, without `cluster-`, of commands whose own inputs differ or that only one of the two runs has. */
  async function touched(change: Sections, from: Sections = {}): Promise<string[]> {
    const [before, after] = [await runTalos(from), await runTalos({ ...from, ...change })];
    const inputs = (run: StackRun) => new Map(run.byType(commandType).map((each) => [each.name, inputsOf(each)]));
    const [old, now] = [inputs(before), inputs(after)];
    const names = [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
    return names.map((name) => name.replace("cluster-", "")).sort();
  }

  /** Inputs that Pulumi compares: those that are not ignored. */
  function inputsOf({ inputs, ignoreChanges }: Registration): string {
    return JSON.stringify(Object.entries(inputs).filter(([key]) => !ignoreChanges.includes(key)));
  }

  const sysctl = { machine: { sysctls: { "net.core.somaxconn": "1024" } } };

  it("is one node's config for that node's patch; applying follows from it", async () => {
    const nodes = talos.nodes.map((node) => (node.hostname === "worker-1" ? { ...node, patches: [sysctl] } : node));
    assert.deepEqual(await touched({ nodes }), ["config-worker-1"]);
  });

  it("is the workers' configs for a patch of their group", async () => {
    assert.deepEqual(await touched({ worker: { patches: [sysctl] } }), ["config-worker-1", "config-worker-2"]);
  });

  it("is each node's upgrade and installer for another Talos version, and no contract", async () => {
    const names = talos.nodes.map(({ hostname }) => hostname);
    assert.deepEqual(
      await touched({ talosVersion: "v1.13.10" }),
      [...names.map((name) => `config-${name}`), ...names.map((name) => `upgrade-${name}`)].sort(),
    );
  });

  it("is upgrade-k8s, and the configs with its version, for another Kubernetes version", async () => {
    const configs = talos.nodes.map(({ hostname }) => `config-${hostname}`);
    assert.deepEqual(await touched({ kubernetesVersion: "v1.36.0" }), [...configs, "upgrade-kubernetes"].sort());
  });

  it("is the new node and what keeps the list of nodes for a node that is added", async () => {
    assert.deepEqual(await touched({ nodes: [...talos.nodes, worker(3)] }), [
      ...["apply-worker-3", "certificates", "config-worker-3", "health", "members"],
      ...["upgrade-kubernetes", "upgrade-worker-3"],
    ]);
  });

  it("is the old node and what keeps the list of nodes for a node that is removed", async () => {
    assert.deepEqual(await touched({ nodes: talos.nodes.slice(0, -1) }), [
      ...["apply-worker-2", "certificates", "config-worker-2", "health", "members"],
      ...["upgrade-kubernetes", "upgrade-worker-2"],
    ]);
  });

  it("is nothing for another order of the workers", async () => {
    const nodes = [...talos.nodes.slice(0, 3), worker(2), worker(1)];
    const changed = await touched({ nodes });
    assert.ok(
      changed.every((name) => !/^(apply|config|upgrade)-(cp|worker)/.test(name)),
      changed.join(),
    );
  });
});

describe("destroying a Talos cluster that is to be reset", function () {
  this.timeout(60_000);

  it("wipes workers first and the first control plane last, after everything in the cluster", async () => {
    const run = await runTalos({ onDestroy: "reset" });
    // A destroy runs in the reverse order of the dependencies.
    assertOrder(run, "reset-cp-1", "reset-cp-2", "reset-cp-3", "reset-worker-1");
    assertOrder(run, "reset-cp-3", "reset-worker-2");
    const last = command(run, "reset-cp-1");
    for (const each of run.registrations.filter(({ type }) => type.startsWith("kubernetes:"))) {
      assert.equal(each.deletedWith, last.urn, each.name);
    }
    for (const { hostname } of talos.nodes) {
      const reset = command(run, `reset-${hostname}`);
      assert.deepEqual([reset.inputs.create, reset.inputs.update], ["true", "true"]);
      assert.match(String(reset.inputs.delete), /reset\.sh$/);
      assert.equal(reset.deleteBeforeReplace, true);
      assert.ok(run.dependsOn(command(run, "kubeconfig"), reset));
    }
  });
});

describe("a cluster in containers", function () {
  this.timeout(60_000);

  it("is one command that another setting replaces, and everything in it with it", async () => {
    const cluster = { kind: "docker", name: "box", talosVersion: "v1.13.9", kubernetesVersion: "v1.35.2" };
    const others = { environment: "dev", charts: { source: "https://charts.example.com" } };
    const make = (workers: number) =>
      runStack({ config: { ...others, cluster: { ...cluster, workers }, mesh: { version: "1.31.1" } } });
    const [two, three] = [await make(2), await make(3)];
    const [containers, larger] = [command(two, "containers"), command(three, "containers")];
    assert.match(String(containers.inputs.delete), /docker-down\.sh$/);
    // Otherwise Pulumi would look for what was in the old cluster after it is destroyed.
    assert.equal(containers.deleteBeforeReplace, undefined);
    assert.notDeepEqual(containers.inputs.environment, larger.inputs.environment);
    const identifier = (run: StackRun) => run.one("pulumi:providers:kubernetes").inputs.clusterIdentifier;
    assert.notEqual(identifier(two), identifier(three));
    for (const each of two.registrations.filter(({ type }) => type.startsWith("kubernetes:"))) {
      assert.equal(each.deletedWith, containers.urn, each.name);
    }
  });
});
