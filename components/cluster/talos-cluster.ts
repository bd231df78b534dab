import type * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { TalosClusterSettings } from "./kinds";
import { ciliumChart, ciliumValues } from "./kinds/cilium";
import { cniOf } from "./kinds/cni";
import { imageReference } from "../model/images";
import { kubernetesUpgradeName, nodeStepName } from "../model/object-names";
import { addonSource } from "../observability/addons/registry";
import { chartSourceAt } from "../shared/chart-source";
import { helmRelease } from "../shared/helm-release";
import { Layer } from "../shared/layer";
import { recoveryHooks } from "../shared/recovery";
import { foreseenOutput, lifecycleCommand } from "../shared/lifecycle-command";
import { type ClusterArgs, type ClusterComponent, clusterProvider } from "./cluster";
import { schematicUploads } from "./talos/config/installer";
import { refusedLabelWarnings } from "./talos/config/kube-node";
import { contractOf, machineTypeOf } from "./talos/config/node-settings";
import { controlPlaneDocuments, patchWarnings, projectFiles, readPatches } from "./talos/config/user-patches";
import { halfYear, nodeSteps, stepCommand, stepResource, warnOfDrift, wipedAt } from "./talos/steps";
import { own } from "../shared/own";

type Command = command.local.Command;

type Node = TalosClusterSettings["nodes"][number] & {
  readonly steps: ReturnType<typeof nodeSteps>;
  readonly config: Command;
};

/**
 * Machines that run Talos, from maintenance mode to a cluster, and through its life. Each arrow is a dependency:
 *
 *     machine secrets -> machine configs -> first control plane -> bootstrap -> other control planes -> workers
 *       -> members -> certificates -> upgrades of Talos -> upgrade of Kubernetes -> health -> kubeconfig -> provider
 *
 * With another CNI than Talos' own, the kubeconfig comes before health, which waits for that CNI; Cilium is installed in between.
 *
 * Commands that affect one node only are named after it, and have no input from other nodes, except that an upgrade is
 * given the first control plane's address. A destroy leaves the machines as they are, unless `onDestroy` is `reset`: then
 * it wipes workers first and the first control plane last.
 */
export class TalosCluster extends Layer implements ClusterComponent {
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly deletedWith?: pulumi.Resource;
  readonly kubeconfigCommand =
    "pulumi stack output kubeconfig --show-secrets > kubeconfig && export KUBECONFIG=$PWD/kubeconfig";

  constructor(
    private readonly name: string,
    args: ClusterArgs<"talos">,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("talos-mesh:cluster:TalosCluster", name, opts);
    const { settings, context } = args;
    const patches = readPatches(settings, projectFiles(context.projectRoot));
    for (const warning of [...patchWarnings(patches), ...refusedLabelWarnings(settings, patches)])
      void pulumi.log.warn(warning, this);
    const contract = this.contract(args);
    const machineSecrets = this.machineSecrets(args, contract);
    const stepsArgs = { settings, contract, machineSecrets, patches };
    const nodes = settings.nodes.map((node, index): Node => {
      const steps = nodeSteps(stepsArgs, index);
      const options = { ...this.child, secretOutput: true };
      const config = stepResource(
        `${name}-${nodeStepName("config", node.hostname)}`,
        "machine-config",
        steps.machineConfig,
        options,
      );
      return { ...node, steps, config };
    });
    const controlPlanes = nodes.filter((node) => node.controlPlane);
    const workers = nodes.filter((node) => !node.controlPlane);
    const [first] = controlPlanes;
    if (!first) throw new Error("validation refuses a cluster without a control plane");
    const access = { TALOS_CLUSTER: settings.name, TALOS_CONTRACT: contract, TALOS_ADDRESS: first.ipAddress };
    const environment = {
      ...access,
      TALOS_CONTROL_PLANES: controlPlanes.map(({ ipAddress }) => ipAddress).join(","),
      TALOS_WORKERS: workers.map(({ ipAddress }) => ipAddress).join(","),
    };
    const clusterInput = (more?: Readonly<Record<string, string>>) => ({
      environment: { ...environment, ...more },
      stdin: machineSecrets,
    });

    const schematics = schematicUploads(settings).map(({ id, url, body }) => {
      const upload = { TALOS_CLUSTER: settings.name, TALOS_FACTORY_URL: url, TALOS_SCHEMATIC: id };
      const input = { environment: upload, stdin: body };
      return stepResource(`${name}-schematic-${id.slice(0, 12)}`, "schematic", input, this.child);
    });
    const resets = this.resets(settings.onDestroy === "reset" ? [...controlPlanes, ...workers] : []);
    this.deletedWith = resets.get(first);

    // No node is touched before the configs of all nodes are validated. Resets are created first, so that a destroy runs
    // them last.
    const ready = [...nodes.map(({ config }) => config), ...schematics, ...resets.values()];
    const apply = (node: Node, before: readonly pulumi.Resource[]) => {
      const wiped = context.render ? {} : wipedAt(context.projectRoot, node.ipAddress);
      const input = node.steps.apply(node.config.stdout, wiped);
      return stepResource(
        `${name}-${nodeStepName("apply", node.hostname)}`,
        "apply",
        input,
        this.after(...ready, ...before),
      );
    };

    const firstApplied = apply(first, []);
    // Runs once: input changes are ignored. Where another version of the command itself makes it run again, its previous
    // output shows that it has run.
    const once = { ...this.after(firstApplied), previousOutput: true, ignoreChanges: ["environment", "stdin"] };
    const bootstrap = stepResource(
      `${name}-bootstrap`,
      "bootstrap",
      clusterInput({ TALOS_NODE: first.hostname }),
      once,
    );
    // Control planes one at a time, because etcd must keep its quorum; workers together, unless a config may reboot them.
    const applied: Command[] = [firstApplied];
    for (const node of controlPlanes.slice(1)) applied.push(apply(node, [bootstrap, ...applied.slice(-1)]));
    const controlPlanesApplied = [...applied];
    for (const node of workers) {
      const before = settings.reboot === "when-needed" ? applied.slice(-1) : controlPlanesApplied;
      applied.push(apply(node, [bootstrap, ...before]));
    }

    // TALOS_NODES is `name=address=role ...` for the members, and `name=address ...` for the certificates.
    const list = (value: (node: Node) => string) => nodes.map((node) => `${node.steps.name}=${value(node)}`).join(" ");
    const withRoles = clusterInput({ TALOS_NODES: list((node) => `${node.ipAddress}=${machineTypeOf(node)}`) });
    const joined = { ...this.after(bootstrap, ...applied), previousOutput: true };
    const members = stepResource(`${name}-members`, "members", withRoles, joined);
    const addresses = clusterInput({ TALOS_NODES: list(({ ipAddress }) => ipAddress) });
    let upgraded = stepResource(`${name}-certificates`, "approve-certificates", addresses, this.after(members));
    for (const node of [...controlPlanes, ...workers]) {
      const input = node.steps.upgrade(first.ipAddress);
      upgraded = stepResource(
        `${name}-${nodeStepName("upgrade", node.hostname)}`,
        "upgrade",
        input,
        this.after(upgraded),
      );
    }
    const version = clusterInput({ KUBERNETES_VERSION: settings.kubernetesVersion });
    upgraded = stepResource(`${name}-${kubernetesUpgradeName}`, "upgrade-kubernetes", version, this.after(upgraded));
    const renewal = !context.render && { TALOS_HALF_YEAR: halfYear(new Date()) };
    const kubeconfigInput = {
      environment: { ...access, TALOS_ENDPOINT: settings.endpoint, ...renewal },
      stdin: machineSecrets,
    };
    // In a destroy, everything in the cluster is deleted before the machines are wiped.
    const options = (before: pulumi.Resource) => ({ ...this.after(before, ...resets.values()), secretOutput: true });
    const fetchKubeconfig = (before: pulumi.Resource) =>
      stepResource(`${name}-kubeconfig`, "kubeconfig", kubeconfigInput, options(before));
    const waitForHealth = (more: Readonly<Record<string, string>>, before: pulumi.Resource) =>
      stepResource(`${name}-health`, "health", clusterInput(more), this.after(before));
    const cni = cniOf(settings, controlPlaneDocuments(settings, patches));
    const usableAfter: Command[] = [];
    let fetched: Command;
    if (cni.name === "flannel") fetched = fetchKubeconfig(waitForHealth({}, upgraded));
    else {
      // Nodes are registered and not Ready: what installs the CNI, and an administrator who does it by hand, needs a kubeconfig.
      fetched = fetchKubeconfig(upgraded);
      const installer = { TALOS_CNI: cni.name, ...(cni.source !== undefined && { TALOS_CNI_SOURCE: cni.source }) };
      const installed = cni.name === "cilium" ? this.cilium(args, fetched, resets.get(first)) : fetched;
      usableAfter.push(waitForHealth(installer, installed));
    }
    this.kubeconfig = textOf(fetched, context);
    const { kubeconfig } = this;
    this.provider = clusterProvider(name, { kubeconfig }, context.stack, settings.name, this, ...usableAfter);

    if (settings.checkDrift && pulumi.runtime.isDryRun() && !context.render) {
      for (const { hostname, steps, config } of nodes) warnOfDrift(hostname, steps.apply(config.stdout), this.child);
    }
    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }

  /** Before the nodes are Ready, so by a provider of its own: the other one waits for health. */
  private cilium(
    { settings, context, charts, images, secrets, announcement }: ClusterArgs<"talos">,
    fetched: Command,
    deletedWith: pulumi.Resource | undefined,
  ): pulumi.Resource {
    const name = `${this.name}-cni`;
    const kubeconfig = textOf(fetched, context);
    const provider = clusterProvider(name, { kubeconfig }, context.stack, settings.name, this);
    const hooks = recoveryHooks({ kubeconfig }, context, "-cni");
    const child = { ...this.child, provider, deletedWith, hooks };
    const pullSecrets = images.pullSecrets.map(({ name: secret, dockerConfigJson }) => {
      const stringData = { ".dockerconfigjson": own(secrets, dockerConfigJson.secret) ?? "" };
      const metadata = { name: `cilium-${secret}`, namespace: "kube-system" };
      const type = "kubernetes.io/dockerconfigjson";
      return new kubernetes.core.v1.Secret(`${name}-${metadata.name}`, { metadata, type, stringData }, child);
    });
    const secretNames = images.pullSecrets.map(({ name: secret }) => ({ name: `cilium-${secret}` }));
    // Validation refuses `auto` for this kind.
    const istio = chartSourceAt(charts.source);
    return helmRelease(
      name,
      {
        chart: ciliumChart.name,
        version: ciliumChart.version,
        source: addonSource(charts.addons, istio, ciliumChart),
        namespace: "kube-system",
        values: ciliumValues(settings, (official) => imageReference(images, official), secretNames, announcement),
      },
      { ...child, dependsOn: pullSecrets },
    );
  }

  /**
   * The machine-config contract, such as `v1.7`: the one that is set, or that of the Talos version at the cluster's creation.
   * It does not follow a later `talosVersion`: a config of a newer contract changes essentials of a running cluster, such as
   * how etcd's secrets are kept.
   */
  private contract({ settings, context }: ClusterArgs<"talos">): pulumi.Output<string> {
    const contract = `v${contractOf(settings)}`;
    if (settings.contract !== undefined || context.render) return pulumi.output(contract);
    return lifecycleCommand(
      `${this.name}-contract`,
      { apply: 'printf "%s" "$TALOS_CONTRACT"', environment: { TALOS_CONTRACT: contract } },
      // The change is ignored, so that the command never runs again and its stdout stays.
      { ...this.child, ignoreChanges: ["environment"] },
    ).stdout;
  }

  private machineSecrets(args: ClusterArgs<"talos">, contract: pulumi.Output<string>): pulumi.Output<string> {
    const { settings, environment, secrets } = args;
    const given = settings.machineSecrets && own(secrets, settings.machineSecrets.secret);
    if (given !== undefined) return pulumi.secret(given);
    const input = { environment: { TALOS_CLUSTER: settings.name, TALOS_CONTRACT: contract } };
    // Without them the cluster cannot be administered any more.
    const protect = environment !== "dev";
    const options = { ...this.child, secretOutput: true, previousOutput: true, protect };
    return pulumi.secret(stepResource(`${this.name}-machine-secrets`, "machine-secrets", input, options).stdout);
  }

  /** Each depends on the control planes before it: a destroy, which runs backwards, wipes the first control plane last. */
  private resets(nodes: readonly Node[]): Map<Node, Command> {
    const resets = new Map<Node, Command>();
    for (const node of nodes) {
      const before = [...resets].filter(([other]) => other.controlPlane).map(([, reset]) => reset);
      // The shell command `true`: nothing to do on create.
      const args = { apply: "true", delete: stepCommand("reset"), ...node.steps.reset };
      const opts = { ...this.after(...before), deleteBeforeReplace: true };
      resets.set(node, lifecycleCommand(`${this.name}-${nodeStepName("reset", node.hostname)}`, args, opts));
    }
    return resets;
  }
}

function textOf(kubeconfig: Command, { render }: ClusterArgs<"talos">["context"]): pulumi.Output<string> {
  return render ? kubeconfig.stdout : foreseenOutput(kubeconfig, "# fetched again by the next `up`");
}
