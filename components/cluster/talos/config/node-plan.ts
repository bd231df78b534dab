import type { Problem } from "../../../shared/problem";
import type { TalosClusterSettings } from "../../../settings/sections/cluster";
import { contractOf } from "./contract";
import { toContractForm } from "./contract-form";
import { type ImageSource, installerImage, schematicUpload } from "./installer-image";
import { settingsOf } from "./node-settings";
import { orderedPatches } from "./patches";
import { settingsDocuments, settingsPatch } from "./typed-settings";
import type { MachineType, NodePlan, ReadFile, SchematicUpload, TalosNodeSettings } from "./types";

/** A node's plan, and what is wrong with it. */
export interface Planned {
  readonly plan: NodePlan;
  readonly upload?: SchematicUpload;
  readonly problems: readonly Problem[];
}

/** What gen config needs for the node at this place of the settings. Pure but for `readFile`. */
export function nodePlan(settings: TalosClusterSettings, index: number, readFile: ReadFile): Planned {
  const { node, patches: userPatches } = settingsOf(settings, index);
  const machineType: MachineType = node.controlPlane ? "controlplane" : "worker";
  const contract = contractOf(settings);
  const source: ImageSource = {
    talosVersion: settings.talosVersion,
    imageFactory: settings.imageFactory,
    schematic: node.schematic ?? settings.schematic,
    talosImageURL: node.talosImageURL,
    platform: node.platform,
  };
  const image = installerImage(source);
  const upload = schematicUpload(source);

  const form = toContractForm(settingsPatch(settings, node, image), contract, machineType);
  const typed = { form, documents: settingsDocuments(node) };
  const { patches, warnings, problems } = orderedPatches(userPatches, contract, machineType, readFile, typed);
  return {
    plan: {
      hostname: node.hostname,
      address: node.ipAddress,
      machineType,
      contract: `v${contract}`,
      genConfigArgs: genConfigArgs(settings, node, machineType, image),
      patchFlag: node.controlPlane ? "--config-patch-control-plane" : "--config-patch-worker",
      patches,
      installerImage: image,
      ...(upload && { schematicId: upload.id }),
      validateMode: node.mode,
      warnings,
    },
    upload,
    problems: [...form.problems.map((message) => ({ path: ["cluster", "nodes", index], message })), ...problems],
  };
}

function genConfigArgs(
  settings: TalosClusterSettings,
  node: TalosNodeSettings,
  machineType: MachineType,
  image: string,
): string[] {
  return [
    "gen",
    "config",
    settings.name,
    settings.endpoint,
    `--talos-version=v${contractOf(settings)}`,
    `--kubernetes-version=${settings.kubernetesVersion.replace(/^v/, "")}`,
    // Empty where a selector names the disk, or none is needed: gen config would write /dev/sda.
    `--install-disk=${node.installDisk ?? ""}`,
    `--install-image=${image}`,
    `--dns-domain=${settings.domain}`,
    `--with-cluster-discovery=${settings.discovery}`,
    `--with-kubespan=${settings.kubespan}`,
    "--with-docs=false",
    "--with-examples=false",
    `--output-types=${machineType}`,
    "--output=-",
  ];
}
