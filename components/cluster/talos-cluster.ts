import type * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import type { Settings } from "../settings/schema";
import type { TalosClusterSettings } from "../settings/sections/cluster";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { type Cluster, providerArgs } from "./cluster";
import { clusterPlan, refuseUnreadablePatches } from "./talos/config/cluster-plan";
import { schematicUpload } from "./talos/config/installer-image";
import { settingsOf } from "./talos/config/node-settings";
import { fileReader } from "./talos/config/patch-files";
import type { SchematicUpload } from "./talos/config/types";
import { warnOfDrift } from "./talos/drift";
import { frozenContract } from "./talos/frozen-contract";
import { halfYear } from "./talos/half-year";
import { type ClusterFacts, NodeSteps } from "./talos/node-steps";
import { stepCommand, stepResource } from "./talos/step";

export interface TalosClusterArgs {
  readonly settings: TalosClusterSettings;
  readonly environment: Settings["environment"];
  readonly context: ProgramContext;
  /** The stack's secrets by name, for machine secrets that are kept there. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

type Node = TalosClusterSettings["nodes"][number];
type Command = command.local.Command;

/**
 * Machines that run Talos, from maintenance mode to a cluster and through its life. Each arrow is a dependency:
 *
 *     machine secrets -> machine configs -> first control plane -> bootstrap -> other control planes -> workers
 *       -> members -> certificates -> upgrades of Talos -> upgrade of Kubernetes -> health -> kubeconfig -> provider
 *
 * What has an effect on one node only is named after it and knows nothing of the others. A destroy leaves the machines
 * as they are, unless `onDestroy` is `reset`: then it wipes workers first and the first control plane last.
 */
export class TalosCluster extends pulumi.ComponentResource implements Cluster {
  readonly component = this;
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly deletedWith?: pulumi.Resource;
  readonly kubeconfigCommand =
    "pulumi stack output kubeconfig --show-secrets > kubeconfig && export KUBECONFIG=$PWD/kubeconfig";
  readonly nodeAddress?: string;
  readonly simulatedNodes = false;
  readonly talos = true;

  private readonly name: string;
  private readonly child = { parent: this };
  private readonly steps: ReadonlyMap<Node, NodeSteps>;

  constructor(name: string, args: TalosClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-mesh:cluster:TalosCluster", name, {}, opts);
    const { settings, context } = args;
    this.name = name;
    const controlPlanes = settings.nodes.filter((node) => node.controlPlane);
    const workers = settings.nodes.filter((node) => !node.controlPlane);
    const [first] = controlPlanes;
    if (!first) throw new pulumi.RunError("talos-mesh:cluster.nodes: no node has controlPlane: true");
    this.nodeAddress = (workers[0] ?? first).ipAddress;

    const facts = this.facts(args);
    this.steps = new Map(settings.nodes.map((node, index) => [node, new NodeSteps(facts, node, index)]));
    const everywhere = {
      TALOS_CLUSTER: settings.name,
      TALOS_CONTRACT: facts.contract,
      TALOS_ADDRESS: first.ipAddress,
      TALOS_CONTROL_PLANES: addresses(controlPlanes),
      TALOS_WORKERS: addresses(workers),
    };
    const stdin = facts.machineSecrets;
    const after = (...resources: readonly pulumi.Resource[]) => ({ ...this.child, dependsOn: [...resources] });

    const schematics = this.schematics(settings);
    const configs = new Map(settings.nodes.map((node) => [node, this.machineConfig(node)]));
    const resets =
      settings.onDestroy === "reset" ? this.resets([...controlPlanes, ...workers]) : new Map<Node, Command>();
    this.deletedWith = resets.get(first);

    // No node is touched before the configs of all are known to be good.
    const ready = [...configs.values(), ...schematics, ...resets.values()];
    const apply = (node: Node, before: readonly pulumi.Resource[]) =>
      stepResource(
        `${name}-apply-${node.hostname}`,
        "apply",
        this.stepsOf(node).apply(configs.get(node)?.stdout ?? pulumi.output("")),
        after(...ready, ...before),
      );

    const firstApplied = apply(first, []);
    const bootstrap = stepResource(
      `${name}-bootstrap`,
      "bootstrap",
      { environment: { ...everywhere, TALOS_NODE: first.hostname }, stdin },
      // Once in a cluster's life, whatever changes later.
      { ...after(firstApplied), previousOutput: true, ignoreChanges: ["environment", "stdin"] },
    );
    // Control planes one at a time, as etcd must keep its quorum; workers together, unless a config may reboot them.
    const applied: Command[] = [firstApplied];
    for (const node of controlPlanes.slice(1)) applied.push(apply(node, [bootstrap, ...applied.slice(-1)]));
    const controlPlanesApplied = [...applied];
    for (const node of workers) {
      const before = settings.reboot === "when-needed" ? applied.slice(-1) : controlPlanesApplied;
      applied.push(apply(node, [bootstrap, ...before]));
    }

    const members = stepResource(
      `${name}-members`,
      "members",
      {
        environment: {
          ...everywhere,
          TALOS_NODES: nodeList(
            settings.nodes,
            ({ ipAddress, controlPlane }) => `${ipAddress}=${controlPlane ? "controlplane" : "worker"}`,
          ),
        },
        stdin,
      },
      { ...after(bootstrap, ...applied), previousOutput: true },
    );
    const certificates = stepResource(
      `${name}-certificates`,
      "approve-certificates",
      { environment: { ...everywhere, TALOS_NODES: nodeList(settings.nodes, ({ ipAddress }) => ipAddress) }, stdin },
      after(members),
    );
    let upgraded: Command = certificates;
    for (const node of [...controlPlanes, ...workers]) {
      const input = this.stepsOf(node).upgrade(first.ipAddress, settings.talosVersion);
      upgraded = stepResource(`${name}-upgrade-${node.hostname}`, "upgrade", input, after(upgraded));
    }
    const kubernetesUpgrade = stepResource(
      `${name}-upgrade-kubernetes`,
      "upgrade-kubernetes",
      { environment: { ...everywhere, KUBERNETES_VERSION: settings.kubernetesVersion }, stdin },
      after(upgraded),
    );
    const health = stepResource(
      `${name}-health`,
      "health",
      { environment: everywhere, stdin },
      after(kubernetesUpgrade),
    );

    const { TALOS_CLUSTER, TALOS_CONTRACT, TALOS_ADDRESS } = everywhere;
    const kubeconfig = stepResource(
      `${name}-kubeconfig`,
      "kubeconfig",
      {
        environment: {
          ...{ TALOS_CLUSTER, TALOS_CONTRACT, TALOS_ADDRESS, TALOS_ENDPOINT: settings.endpoint },
          ...(!context.render && { TALOS_HALF_YEAR: halfYear(new Date()) }),
        },
        stdin,
      },
      // On the way down, whatever lives in the cluster goes before the machines are wiped.
      { ...after(health, ...resets.values()), secretOutput: true },
    );
    this.kubeconfig = kubeconfig.stdout;
    this.provider = new kubernetes.Provider(
      `${name}-kubernetes`,
      { kubeconfig: this.kubeconfig, ...providerArgs(context.stack, settings.name) },
      this.child,
    );

    if (settings.checkDrift && pulumi.runtime.isDryRun() && !context.render) {
      for (const [node, config] of configs)
        warnOfDrift(node.hostname, this.stepsOf(node).apply(config.stdout), this.child);
    }
    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }

  private facts({ settings, environment, context, secrets }: TalosClusterArgs): ClusterFacts {
    const readFile = fileReader(context.projectRoot);
    refuseUnreadablePatches(settings, readFile);
    const contract = frozenContract(`${this.name}-contract`, settings, context.render, this.child);
    const kept = settings.machineSecrets && secrets[settings.machineSecrets.secret];
    const machineSecrets =
      kept ??
      stepResource(
        `${this.name}-machine-secrets`,
        "machine-secrets",
        { environment: { TALOS_CLUSTER: settings.name, TALOS_CONTRACT: contract } },
        // Who loses them loses the cluster.
        { ...this.child, secretOutput: true, previousOutput: true, protect: environment !== "dev" },
      ).stdout;
    return {
      cluster: settings.name,
      contract,
      machineSecrets: pulumi.secret(machineSecrets),
      plan: contract.apply((frozen) => {
        const plan = clusterPlan({ ...settings, contract: frozen }, readFile);
        for (const warning of plan.warnings) void pulumi.log.warn(warning, this);
        return plan;
      }),
      reboot: settings.reboot,
      snapshotFolder: settings.etcdSnapshot?.folder,
    };
  }

  /** What the Image Factory has to know before it gives out an installer. */
  private schematics(settings: TalosClusterSettings): readonly Command[] {
    return schematicUploads(settings).map(({ id, url, body }) =>
      stepResource(
        `${this.name}-schematic-${id.slice(0, 12)}`,
        "schematic",
        { environment: { TALOS_CLUSTER: settings.name, TALOS_FACTORY_URL: url, TALOS_SCHEMATIC: id }, stdin: body },
        this.child,
      ),
    );
  }

  private machineConfig(node: Node): Command {
    const input = this.stepsOf(node).machineConfig();
    return stepResource(`${this.name}-config-${node.hostname}`, "machine-config", input, {
      ...this.child,
      secretOutput: true,
    });
  }

  /** Each depends on those before it, so that a destroy, which goes backwards, wipes the first control plane last. */
  private resets(nodes: readonly Node[]): Map<Node, Command> {
    const made = new Map<Node, Command>();
    for (const node of nodes) {
      const before = [...made].filter(([other]) => other.controlPlane).map(([, reset]) => reset);
      made.set(
        node,
        lifecycleCommand(
          `${this.name}-reset-${node.hostname}`,
          { apply: "true", delete: stepCommand("reset"), ...this.stepsOf(node).reset() },
          { ...this.child, dependsOn: before, deleteBeforeReplace: true },
        ),
      );
    }
    return made;
  }

  private stepsOf(node: Node): NodeSteps {
    const steps = this.steps.get(node);
    if (!steps) throw new Error(`no steps for node ${node.hostname}`);
    return steps;
  }
}

function addresses(nodes: readonly Node[]): string {
  return nodes.map(({ ipAddress }) => ipAddress).join(",");
}

/** `hostname=VALUE hostname=VALUE`, as the steps read it. */
function nodeList(nodes: readonly Node[], value: (node: Node) => string): string {
  return nodes.map((node) => `${node.hostname}=${value(node)}`).join(" ");
}

/** The uploads of all nodes, each once. */
function schematicUploads(settings: TalosClusterSettings): readonly SchematicUpload[] {
  const uploads = settings.nodes.flatMap((_, index) => {
    const { node } = settingsOf(settings, index);
    const upload = schematicUpload({ ...settings, ...node, schematic: node.schematic ?? settings.schematic });
    return upload ? [upload] : [];
  });
  return [...new Map(uploads.map((upload) => [upload.id, upload])).values()];
}
