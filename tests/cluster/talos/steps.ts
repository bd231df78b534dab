import assert from "node:assert/strict";
import { FakeTalos, type FakeWorld, partMarker, type StepRun } from "../../support/talosctl/fake";
import { addresses, common, machineConfig, machineSecrets, onControlPlane, onWorker } from "./worlds";

/** A step with the input that a deployment gives it. */
export interface Step {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

const schematicId = "6ebbfe35c8225645c05d4d19eaad385bd1ec795954932d0ada671388272fec19";
const withConfig = (role: "controlplane" | "worker", more?: object) =>
  machineSecrets + partMarker + machineConfig(role, "1.29.1", more);

export const genArgs = "gen config istio-cluster https://192.168.128.27:6443 --talos-version v1.7 -t controlplane -o -";

/** Every step of a cluster of machines, by its purpose. */
export const steps = {
  machineSecrets: { name: "machine-secrets", env: common },
  machineConfig: {
    name: "machine-config",
    env: {
      ...onControlPlane,
      TALOS_GEN_ARGS: genArgs.replaceAll(" ", "\n"),
      TALOS_PATCH_FLAG: "--config-patch-control-plane",
    },
    stdin: `${machineSecrets}${partMarker}machine: {sysctls: {a: "1"}}\n`,
  },
  applyControlPlane: { name: "apply", env: onControlPlane, stdin: withConfig("controlplane") },
  applyWorker: { name: "apply", env: onWorker, stdin: withConfig("worker") },
  applyChange: { name: "apply", env: onWorker, stdin: withConfig("worker", { sysctls: { a: "1" } }) },
  applyReboot: { name: "apply", env: onWorker, stdin: withConfig("worker", { needsReboot: true }) },
  bootstrap: { name: "bootstrap", env: onControlPlane, stdin: machineSecrets },
  approve: {
    name: "approve-certificates",
    env: { ...onControlPlane, TALOS_NODES: `controlplane=${addresses.controlPlane} worker-1=${addresses.worker1}` },
    stdin: machineSecrets,
  },
  health: { name: "health", env: onControlPlane, stdin: machineSecrets },
  kubeconfig: { name: "kubeconfig", env: onControlPlane, stdin: machineSecrets },
  talosconfig: { name: "talosconfig", env: common, stdin: machineSecrets },
  upgrade: {
    name: "upgrade",
    env: {
      ...onControlPlane,
      TALOS_VERSION: "v1.8.4",
      TALOS_IMAGE: `factory.talos.dev/installer/${schematicId}:v1.8.4`,
      TALOS_SCHEMATIC: schematicId,
      TALOS_CONTROL_PLANE: addresses.controlPlane,
      TALOS_SNAPSHOT_FOLDER: "snapshots",
    },
    stdin: machineSecrets,
  },
  upgradeKubernetes: {
    name: "upgrade-kubernetes",
    env: { ...onControlPlane, KUBERNETES_VERSION: "v1.31.2" },
    stdin: machineSecrets,
  },
  members: {
    name: "members",
    env: {
      ...common,
      TALOS_NODES: `controlplane=${addresses.controlPlane}=controlplane`,
      PULUMI_COMMAND_STDOUT: `{"step":"members","nodes":["controlplane=${addresses.controlPlane}=controlplane","worker-1=${addresses.worker1}=worker"]}`,
    },
    stdin: machineSecrets,
  },
  reset: { name: "reset", env: { ...onControlPlane, TALOS_SNAPSHOT_FOLDER: "snapshots" }, stdin: machineSecrets },
  drift: { name: "drift", env: onWorker, stdin: withConfig("worker", { sysctls: { a: "1" } }) },
  diff: { name: "diff", env: onWorker, stdin: withConfig("worker", { sysctls: { a: "1" } }) },
  dockerUp: {
    name: "docker-up",
    env: {
      ...common,
      TALOS_STATE: "docker",
      TALOS_SPEC: "spec-1",
      TALOS_WORKER_COUNT: "2",
      KUBERNETES_VERSION: "v1.29.1",
      TALOS_CONTROL_PLANE_PATCHES: "1",
    },
    stdin: `${partMarker}cluster: {proxy: {disabled: true}}\n${partMarker}machine: {sysctls: {a: "1"}}\n`,
  },
  dockerDown: { name: "docker-down", env: { ...common, TALOS_STATE: "docker", TALOS_SPEC: "spec-1" } },
} satisfies Record<string, Step>;

/** Runs `act` on a fake world and removes it, whatever happens. */
export async function on(world: FakeWorld, act: (talos: FakeTalos) => Promise<void>): Promise<void> {
  const talos = new FakeTalos(world);
  try {
    await act(talos);
  } finally {
    talos.remove();
  }
}

export function run(talos: FakeTalos, step: Step, env: Readonly<Record<string, string>> = {}): Promise<StepRun> {
  return talos.run(step.name, { ...step.env, ...env }, step.stdin);
}

/** Runs a step that has to succeed, and returns its line of JSON without the fields that are always there. */
export async function succeed(
  talos: FakeTalos,
  step: Step,
  env: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(talos, step, env);
  assert.equal(code, 0, `${step.name}: ${stderr}`);
  const output = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(output.step, step.name);
  return Object.fromEntries(Object.entries(output).filter(([key]) => key !== "step" && key !== "node"));
}

/** Runs a step that has to fail, and returns its stderr. */
export async function refuse(
  talos: FakeTalos,
  step: Step,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(talos, step, env);
  assert.equal(code, 1, `${step.name} succeeded: ${stdout}`);
  assert.equal(stdout, "");
  assert.match(stderr, /^next: ./m, "it must print what to do");
  return stderr;
}
