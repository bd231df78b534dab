import path from "node:path";
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { TalosClusterSettings } from "../kinds";
import { digestOf } from "../../shared/digest";
import { readIfExists } from "../../shared/files";
import { parseJson } from "../../shared/json";
import { type LifecycleCommandArgs, lifecycleCommand, queryCommand } from "../../shared/lifecycle-command";
import { UserError } from "../../shared/problem";
import { installerOf } from "./config/installer";
import { kubeNodeName } from "./config/kube-node";
import { nodePlan } from "./config/node-plan";
import { machineTypeOf, nodeSettings } from "./config/node-settings";
import type { PatchContents } from "./config/user-patches";

type NodeStep = "apply" | "diff" | "drift" | "inspect" | "machine-config" | "reset" | "upgrade";
type ClusterStep = "approve-certificates" | "bootstrap" | "health" | "kubeconfig" | "members" | "upgrade-kubernetes";
type OtherStep = "docker-down" | "docker-up" | "machine-secrets" | "schematic" | "talosconfig";

/** A script of ./scripts; its first lines describe it. */
export type TalosStepName = NodeStep | ClusterStep | OtherStep;

/** Plain settings go into the environment, secrets to stdin. */
export interface TalosStepInput {
  readonly environment: Readonly<Record<string, pulumi.Input<string>>>;
  /** Machine secrets, and the parts that follow them; see scripts/lib/step.sh. */
  readonly stdin?: pulumi.Input<string>;
}

export const partMarker = "# --- talos-mesh: next part ---\n";

export function joinParts(...parts: readonly pulumi.Input<string>[]): pulumi.Output<string> {
  return pulumi.all([...parts]).apply((texts) => texts.map((text) => text.replace(/\n?$/, "\n")).join(partMarker));
}

/** The shell command that runs a step; `exec`, so that stopping the command stops the step. */
export function stepCommand(step: TalosStepName): string {
  return `exec bash components/cluster/talos/scripts/${step}.sh`;
}

export type TalosStepOptions = pulumi.CustomResourceOptions &
  Pick<LifecycleCommandArgs, "secretOutput" | "previousOutput" | "delete">;

export function stepResource(
  name: string,
  step: TalosStepName,
  input: TalosStepInput,
  { secretOutput, previousOutput, delete: remove, ...opts }: TalosStepOptions,
): command.local.Command {
  const args = { apply: stepCommand(step), delete: remove, secretOutput, previousOutput, ...input };
  return lifecycleCommand(name, args, opts);
}

interface NodeStepsArgs {
  readonly settings: TalosClusterSettings;
  /** The frozen contract, such as `v1.7`. */
  readonly contract: pulumi.Output<string>;
  /** Text of talsecret.yaml, secret. */
  readonly machineSecrets: pulumi.Output<string>;
  readonly patches: PatchContents;
}

/**
 * The input of one node's steps. Except for the address that an upgrade is given, it holds nothing of other nodes, so that
 * a change of one node runs no step of another.
 */
export function nodeSteps({ settings, contract, machineSecrets, patches }: NodeStepsArgs, index: number) {
  const node = nodeSettings(settings, index);
  const { image, schematic } = installerOf(settings, node);
  const plan = contract.apply((frozen) => {
    try {
      return nodePlan({ ...settings, contract: frozen }, index, patches);
    } catch (error) {
      // The CLI prints a RunError without a stack trace.
      throw error instanceof UserError ? new pulumi.RunError(error.message) : error;
    }
  });
  const name = kubeNodeName(settings, index, patches);
  const common = {
    TALOS_CLUSTER: settings.name,
    TALOS_CONTRACT: contract,
    // Steps ask Kubernetes for the node.
    TALOS_NODE: name,
    TALOS_ADDRESS: node.ipAddress,
    TALOS_ROLE: machineTypeOf(node),
  };
  const snapshots = settings.etcdSnapshot && { TALOS_SNAPSHOT_FOLDER: settings.etcdSnapshot.folder };
  return {
    /** In Kubernetes. */
    name,
    machineConfig: {
      environment: {
        ...common,
        TALOS_GEN_ARGS: plan.apply(({ genConfigArgs }) => genConfigArgs.join("\n")),
        TALOS_PATCH_FLAG: plan.apply(({ patchFlag }) => patchFlag),
        // For the reader of a preview only: which patch a change comes from.
        TALOS_PATCHES: plan.apply((each) =>
          each.patches.map(({ origin, content }) => `${origin} sha256:${digestOf(content)}`).join("\n"),
        ),
        TALOS_MODE: node.mode,
      },
      stdin: pulumi.secret(
        plan.apply((each) => joinParts(machineSecrets, ...each.patches.map(({ content }) => content))),
      ),
    },
    apply: (machineConfig: pulumi.Output<string>, wiped: ReturnType<typeof wipedAt> = {}) => ({
      environment: { ...common, TALOS_REBOOT: settings.reboot, ...wiped },
      stdin: joinParts(machineSecrets, machineConfig),
    }),
    /** @param controlPlane address of the control plane that lists the nodes of the cluster */
    upgrade: (controlPlane: string) => ({
      environment: {
        ...common,
        ...snapshots,
        TALOS_CONTROL_PLANE: controlPlane,
        TALOS_VERSION: settings.talosVersion,
        TALOS_IMAGE: image,
        TALOS_SCHEMATIC: schematic?.id ?? "",
      },
      stdin: machineSecrets,
    }),
    reset: { environment: { ...common, ...snapshots }, stdin: machineSecrets },
  };
}

/**
 * When a step of an earlier run found that a node had lost its config, for the input of the node's `apply`: a new time
 * makes the step run again. Written by `note_wiped` of scripts/lib/talosctl.sh, under the project's folder; it stays there,
 * so that later runs have the same input.
 */
export function wipedAt(projectRoot: string, address: string): { readonly TALOS_WIPED?: string } {
  const time = readIfExists(path.join(projectRoot, ".talos-mesh/wiped", address));
  return time === undefined ? {} : { TALOS_WIPED: time.trim() };
}

/**
 * Warns, in a preview, of a node that runs another machine config than the stack's. A node that does not answer gives no
 * warning. A node whose config this preview changes is not called: the input of the step is unknown then.
 */
export function warnOfDrift(hostname: string, applied: TalosStepInput, opts: pulumi.InvokeOptions): void {
  queryCommand({ command: stepCommand("drift"), ...applied }, opts).apply((text) => {
    const { result, lines } = parseReport(text);
    const diff = `npm run talos:diff -- --stack ${pulumi.getStack()} --node ${hostname}`;
    const warn = (found: string) => void pulumi.log.warn(`node ${hostname} ${found} with: ${diff}`);
    if (result === "changed") warn(`runs another machine config than the stack's (${lines} lines differ); show them`);
    if (result === "staged") warn("has a machine config that waits for a reboot; show it");
    if (result === "wiped") warn("was wiped, and will be configured again; see its whole config");
  });
}

/** The line of JSON that drift.sh prints; empty for anything else, because a warning must not end a preview. */
function parseReport(text: string): { readonly result?: string; readonly lines?: string } {
  return parseJson(text) ?? {};
}

/**
 * The half of the year, such as `2026-2`. A kubeconfig's certificate is valid for a year; with this as an input, the first
 * deployment of each half-year fetches a new one, and later ones of the same half-year change nothing.
 */
export function halfYear(now: Date): string {
  return `${now.getUTCFullYear()}-${now.getUTCMonth() < 6 ? 1 : 2}`;
}
