import { isIP } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { isRefusedOfKubelet, refusedLabels } from "../../components/cluster/talos/config/kube-node";
import { compareMinor } from "../../components/settings/versions";
import type { Tree } from "../../components/shared/merge";
import { contentOf, filled, type ImportContext, machineFields, type Render, reportLost } from "./machine-fields";
import { isJoined, type MergedNode, mergedNode, type Role, shared, type Sourced } from "./node-configs";
import { nodePatches } from "./node-patches";
import type { Patch, Talconfig, TalconfigNode } from "./talconfig";
import { renderTemplate } from "./templates";
import { own } from "../../components/shared/own";

const roles: readonly Role[] = ["controlPlane", "worker"];

interface ImportedNode {
  readonly merged: MergedNode;
  /** What no group can have. */
  readonly identity: Tree;
  readonly fields: Tree;
  readonly certSANs: readonly Sourced<string>[];
  readonly patches: readonly Sourced<Patch>[];
}

/**
 * A talconfig as `talos-mesh:cluster`. The notes list what could not be converted. Each node has what talhelper gives it:
 * groups keep what none of their nodes replaces, and the rest is written to the nodes.
 */
export function clusterSettings(talconfig: Talconfig, context: ImportContext): Tree {
  for (const role of roles) reportLost(talconfig[role] ?? {}, role, context);
  const nodes = talconfig.nodes.map((node, index) => importedNode(talconfig, node, `nodes[${index}]`, context));
  const patches = shared(
    nodes.map((node) => node.patches),
    ["cluster"],
  );
  const groups = new Map(roles.map((role) => [role, groupSettings(talconfig, role, nodes, patches.length, context)]));
  return filled({
    kind: "talos",
    ...clusterFields(talconfig, context),
    patches,
    ...Object.fromEntries([...groups].map(([role, group]) => [role, filled(group)])),
    nodes: nodes.map(({ merged, identity, fields, certSANs, patches: ofNode }) => {
      const group = groups.get(merged.role);
      const own = Object.entries(fields).filter(([key]) => group === undefined || !Object.hasOwn(group, key));
      return filled({
        ...identity,
        ...Object.fromEntries(own),
        certSANs: valuesFrom(certSANs, group?.certSANs.length),
        patches: valuesFrom(ofNode, patches.length + (group?.patches.length ?? 0)),
      });
    }),
  });
}

function valuesFrom<Value>(list: readonly Sourced<Value>[], start = 0): Value[] {
  return list.slice(start).map(({ value }) => value);
}

function groupSettings(
  talconfig: Talconfig,
  role: Role,
  nodes: readonly ImportedNode[],
  clusterPatches: number,
  context: ImportContext,
) {
  const members = nodes.filter(({ merged }) => merged.role === role);
  if (members.length === 0 && talconfig[role]) context.notes.lose(role, "no node has this role");
  const ofGroup = machineFields(
    talconfig[role] ?? {},
    (key) => `${role}.${key}`,
    (text) => text,
    context,
  );
  const kept = Object.entries(ofGroup).filter(
    ([key, value]) => members.length > 0 && members.every(({ fields }) => isDeepStrictEqual(own(fields, key), value)),
  );
  return {
    ...Object.fromEntries(kept),
    certSANs: shared(
      members.map(({ certSANs }) => certSANs),
      ["cluster", "group"],
    ),
    patches: shared(
      members.map(({ patches }) => patches.slice(clusterPatches)),
      ["cluster", "group"],
    ),
  };
}

function importedNode(talconfig: Talconfig, node: TalconfigNode, at: string, context: ImportContext): ImportedNode {
  const merged = mergedNode(talconfig, node, at);
  const { role, configs, atOf } = merged;
  reportLost(node, at, context);
  const values = templateValues(talconfig, node);
  const render: Render = (text, report) => renderTemplate(text, values, report);
  const fields = machineFields(configs, atOf, render, context);
  const refused = role === "worker" ? Object.keys(configs.nodeLabels ?? {}).filter(isRefusedOfKubelet) : [];
  if (refused.length > 0) context.notes.remark(atOf("nodeLabels"), refusedLabels(refused));
  const sans = (from: Sourced<string>["from"], list: readonly string[] = []) => list.map((value) => ({ from, value }));
  if (configs.networkInterfaces && compareMinor(talconfig.talosVersion, "1.12") >= 0) {
    context.notes.remark(
      atOf("networkInterfaces"),
      "talhelper writes LinkConfig and its like for Talos 1.12 and newer; here they stay in machine.network.interfaces, " +
        "which Talos reads as well",
    );
  }
  const argsOfImage = configs.machineSpec?.useUKI === true && configs.schematic?.customization?.extraKernelArgs;
  if (argsOfImage && compareMinor(talconfig.talosVersion, "1.12") < 0) {
    context.notes.remark(
      `${atOf("machineSpec")}.useUKI`,
      "because of it, talhelper does not write the schematic's extraKernelArgs to machine.install; here they are, and systems " +
        "that boot by systemd-boot ignore them",
    );
  }
  return {
    merged,
    fields,
    identity: identity(node, merged, context),
    certSANs: [
      ...sans("cluster", talconfig.additionalMachineCertSans),
      ...sans("node", node.certSANs),
      ...(isJoined(node.certSANs, node.overrideMachineCertSANs) ? sans("group", talconfig[role]?.certSANs) : []),
    ],
    patches: nodePatches(talconfig, node, merged, render, context),
  };
}

/** Of the generated machine config, as talhelper has it before patches. */
function templateValues({ clusterName, endpoint, talosVersion }: Talconfig, node: TalconfigNode) {
  const hasHostname = compareMinor(talosVersion, "1.12") < 0 && !node.ignoreHostname;
  return new Map([
    [".ClusterConfig.ClusterName", clusterName],
    [".ClusterConfig.ControlPlane.Endpoint", endpoint],
    [".MachineConfig.MachineType", node.controlPlane ? "controlplane" : "worker"],
    ...(hasHostname ? ([[".MachineConfig.MachineNetwork.NetworkHostname", node.hostname]] as const) : []),
  ]);
}

/** Source: siderolabs/talos, internal/app/machined/pkg/controllers/k8s/internal/nodename, FromHostname. */
function nodeName(hostname: string): string {
  return hostname.toLowerCase().replaceAll("_", "-");
}

function identity(node: TalconfigNode, { at, configs }: MergedNode, { notes }: ImportContext): Tree {
  const [ipAddress = "", ...others] = node.ipAddress.split(",").map((address) => address.trim());
  const additionalAddresses = others.filter((address) => isIP(address) !== 0);
  const names = others.filter((address) => isIP(address) === 0);
  if (names.length > 0) {
    const why = `the first one is where steps reach the node, and further ones have to be IP addresses; not used: ${names.join(", ")}`;
    notes.lose(`${at}.ipAddress`, why);
  }
  if (additionalAddresses.length > 0) {
    notes.remark(
      `${at}.ipAddress`,
      `every step uses ${ipAddress}, so list the one first that Pulumi can reach; here further addresses are also in the ` +
        "node's certificates, and one of the other family goes to Kubernetes",
    );
  }
  const hostname = nodeName(node.hostname);
  if (hostname !== node.hostname) {
    notes.remark(
      `${at}.hostname`,
      `here ${hostname}, the name of the node in Kubernetes; talhelper writes ${node.hostname}`,
    );
  }
  if (isIP(ipAddress) === 0 && (ipAddress !== hostname || node.ignoreHostname)) {
    notes.remark(`${at}.ipAddress`, "a name; here it is added to the node's certSANs, because steps connect to it");
  }
  const { arch, mode } = configs.machineSpec ?? {};
  return {
    hostname,
    ipAddress,
    additionalAddresses: additionalAddresses.length > 0 ? additionalAddresses : undefined,
    controlPlane: node.controlPlane || undefined,
    arch: arch || node.arch || undefined,
    ...(mode && mode !== "metal" ? { mode: "cloud", platform: mode } : {}),
    installDisk: node.installDisk || undefined,
    installDiskSelector: node.installDiskSelector,
    ignoreHostname: node.ignoreHostname || undefined,
  };
}

function clusterFields(talconfig: Talconfig, context: ImportContext): Tree {
  const { cniConfig } = talconfig;
  const { ISOURLTmpl, ...imageFactory } = talconfig.imageFactory ?? {};
  if (ISOURLTmpl !== undefined) context.notes.lose("imageFactory.ISOURLTmpl", "boot media are not created");
  if (compareMinor(talconfig.talosVersion, "1.10") < 0 && imageFactory.installerURLTmpl === undefined) {
    context.notes.remark(
      "talosVersion",
      "before 1.10 the factory's installer is `installer`, which is used here; talhelper writes `metal-installer`",
    );
  }
  if (compareMinor(talconfig.talosVersion, "1.14") >= 0) {
    context.notes.remark(
      "talosVersion",
      "from 1.14 on, most settings are in documents such as KubeletConfig here, where talhelper writes fields of v1alpha1",
    );
  }
  const vVersion = (version: string) => `v${version.replace(/^v/, "")}`;
  const allowed = talconfig.allowSchedulingOnMasters === true || talconfig.allowSchedulingOnControlPlanes === true;
  return {
    name: talconfig.clusterName,
    endpoint: talconfig.endpoint,
    talosVersion: vVersion(talconfig.talosVersion),
    kubernetesVersion: vVersion(talconfig.kubernetesVersion),
    domain: talconfig.domain || undefined,
    allowSchedulingOnControlPlanes: allowed || undefined,
    cni: cniConfig && filled({ name: cniConfig.name, urls: cniConfig.urls, ...cniConfig.flannel }),
    podSubnets: talconfig.clusterPodNets,
    serviceSubnets: talconfig.clusterSvcNets,
    additionalApiServerCertSANs: talconfig.additionalApiServerCertSans,
    inlineManifests: talconfig.inlineManifests?.map(({ name, contents, skipEnvsubst }, index) => ({
      name,
      contents: contentOf(contents, skipEnvsubst === true, `inlineManifests[${index}].contents`, context),
    })),
    imageFactory: Object.fromEntries(Object.entries(imageFactory).filter(([, value]) => value !== "")),
  };
}
