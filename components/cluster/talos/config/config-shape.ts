import { isTree, type Tree } from "../../../shared/merge";
import { suggestion } from "../../../settings/wording";

/**
 * Keys of a machine config's first levels. A node refuses any other when the config is applied.
 * Source: siderolabs/talos, pkg/machinery/config/types/v1alpha1, Config, MachineConfig and ClusterConfig.
 */
const keysAt: ReadonlyMap<string, readonly string[]> = new Map([
  ["", ["version", "debug", "persist", "machine", "cluster"]],
  [
    "machine",
    [
      ...["type", "token", "ca", "acceptedCAs", "certSANs", "controlPlane", "kubelet", "pods", "network", "disks"],
      ...["install", "files", "env", "time", "sysctls", "sysfs", "registries", "systemDiskEncryption", "features"],
      ...["udev", "logging", "kernel", "seccompProfiles", "baseRuntimeSpecOverrides", "nodeLabels"],
      ...["nodeAnnotations", "nodeTaints"],
    ],
  ],
  [
    "cluster",
    [
      ...["id", "secret", "controlPlane", "clusterName", "network", "token", "aescbcEncryptionSecret"],
      ...["secretboxEncryptionSecret", "ca", "acceptedCAs", "aggregatorCA", "serviceAccount", "apiServer"],
      ...["controllerManager", "proxy", "scheduler", "discovery", "etcd", "coreDNS", "externalCloudProvider"],
      ...["extraManifests", "extraManifestHeaders", "inlineManifests", "adminKubeconfig"],
      ...["allowSchedulingOnMasters", "allowSchedulingOnControlPlanes"],
    ],
  ],
]);

/** What no contract of Talos takes in a strategic merge. */
export function shapeProblems(patch: Tree): string[] {
  const { kind, apiVersion } = patch;
  if (typeof kind !== "string") return [...unknownKeys(patch, ""), ...emptyEntries(patch, "")];
  const missing = typeof apiVersion === "string" ? [] : [`${kind}: apiVersion is missing; expected v1alpha1`];
  return [...missing, ...emptyEntries(patch, "")];
}

function* unknownKeys(tree: Tree, at: string): Iterable<string> {
  const known = keysAt.get(at);
  if (!known) return;
  for (const [key, value] of Object.entries(tree)) {
    // `$patch` says how to merge.
    if (key.startsWith("$")) continue;
    const place = at === "" ? key : `${at}.${key}`;
    if (!known.includes(key)) yield `${place}: unknown key; ${suggestion(key, known)}`;
    else if (isTree(value)) yield* unknownKeys(value, place);
    else if (keysAt.has(place) && value !== null) yield `${place}: expected a mapping`;
  }
}

/** Go makes a nil pointer, or an empty string, of null in a list. */
function* emptyEntries(value: unknown, at: string): Iterable<string> {
  if (Array.isArray(value)) {
    for (const [index, entry] of value.entries()) {
      if (entry === null) yield `${at}[${index}]: found nothing; give it a value, or remove it`;
      else yield* emptyEntries(entry, `${at}[${index}]`);
    }
  } else if (isTree(value)) {
    for (const [key, inner] of Object.entries(value)) yield* emptyEntries(inner, at === "" ? key : `${at}.${key}`);
  }
}
