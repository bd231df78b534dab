import type { Model } from "../model/model";
import { compareMinor, talosSince } from "../settings/versions";
import type { Refusal } from "../shared/problem";
import { type Check, rule } from "./check";

/** Where Talos mounts the volumes of users. Source: siderolabs/talos, pkg/machinery/constants. */
const userVolumes = "/var/mnt/";

const kind = "UserVolumeConfig";

/** `platform.localPath`. */
export const storageChecks: readonly Check[] = [
  rule("platform.localPath", (_, { settings: { environment }, cluster: { simulatedNodes } }) => {
    if (simulatedNodes) return "simulated nodes have no volumes; remove it";
    return (
      environment === "production" &&
      "its volumes are lost with the disk of their node; environment production expects a provisioner that replicates them"
    );
  }),
  rule("platform.localPath", ({ path }, { settings: { cluster }, cluster: { talos, talosVersion } }) => {
    if (!talos) return undefined;
    if (!path.startsWith(userVolumes)) {
      return { path: `found ${path}; Talos' file system is read-only; expected ${userVolumes}NAME of a user volume` };
    }
    if (talosVersion !== undefined && compareMinor(talosVersion, talosSince.userVolumes) < 0) {
      return {
        path: `needs user volumes, which Talos v${talosSince.userVolumes} and newer have; found ${talosVersion}`,
      };
    }
    return withoutVolume(path.slice(userVolumes.length).split("/")[0] ?? "", cluster);
  }),
];

/** Refuses a volume that a node which runs pods does not have; what patches add is not known. */
function withoutVolume(name: string, cluster: Model["settings"]["cluster"]): Refusal {
  if (cluster.kind !== "talos") return undefined;
  const { nodes, patches, allowSchedulingOnControlPlanes } = cluster;
  const without = nodes.find((node) => {
    if (node.controlPlane && !allowSchedulingOnControlPlanes) return false;
    const group = node.controlPlane ? cluster.controlPlane : cluster.worker;
    const written = [...(group?.documents ?? []), ...node.documents];
    const patched = [...patches, ...(group?.patches ?? []), ...node.patches];
    const isPatched =
      JSON.stringify(patched).includes(kind) || patched.some((one) => typeof one === "string" && one.startsWith("@"));
    return !isPatched && !written.some((document) => document.kind === kind && document.name === name);
  });
  if (!without) return undefined;
  const role = without.controlPlane ? "controlPlane" : "worker";
  return {
    path: `node ${without.hostname} has no user volume ${name}; add one to cluster.${role}.documents: {apiVersion: v1alpha1, kind: ${kind}, name: ${name}, provisioning: {...}}`,
  };
}
