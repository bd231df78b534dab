import semver from "semver";
import { z } from "zod";
import { own } from "../../components/shared/own";
import type { StackFile } from "./pulumi";

const cluster = z.looseObject({
  kind: z.string().optional(),
  name: z.string().optional(),
  talosVersion: z.string().optional(),
  kubernetesVersion: z.string().optional(),
});
const mesh = z.looseObject({ version: z.string().optional() });

/** Why the stack file of an older commit must not be deployed over that of the newer one: all reasons, empty for none. */
export function rollbackRefusals(older: StackFile, newer: StackFile): string[] {
  const [before, now] = [older, newer].map(({ config, ...rest }) => {
    const section = (name: string) => own(config, `talos-mesh:${name}`);
    return {
      cluster: cluster.parse(section("cluster") ?? {}),
      mesh: mesh.parse(section("mesh") ?? {}),
      layers: JSON.stringify(section("layers")),
      secrets: JSON.stringify([rest["secretsprovider"], rest["encryptedkey"], rest["encryptionsalt"]]),
    };
  }) as [Versions, Versions];
  const isOtherCluster = before.cluster.kind !== now.cluster.kind || before.cluster.name !== now.cluster.name;
  return [
    ...(isOtherCluster ? ["talos-mesh:cluster: the older commit has another cluster (kind or name)"] : []),
    ...(before.layers !== now.layers ? ["talos-mesh:layers: the older commit deploys other layers"] : []),
    ...(before.secrets !== now.secrets ? ["the secrets of the stack are encrypted in another way since"] : []),
    ...downgrade("talos-mesh:cluster.talosVersion", before.cluster.talosVersion, now.cluster.talosVersion, 0),
    ...downgrade(
      "talos-mesh:cluster.kubernetesVersion",
      before.cluster.kubernetesVersion,
      now.cluster.kubernetesVersion,
      0,
    ),
    // Istio goes back one minor version at a time.
    ...downgrade("talos-mesh:mesh.version", before.mesh.version, now.mesh.version, 1),
  ];
}

interface Versions {
  readonly cluster: z.output<typeof cluster>;
  readonly mesh: z.output<typeof mesh>;
  readonly layers: string | undefined;
  readonly secrets: string;
}

/** @param allowed minor versions that it can go back */
function downgrade(path: string, before: string | undefined, now: string | undefined, allowed: number): string[] {
  const [older, newer] = [semver.coerce(before), semver.coerce(now)];
  if (!older || !newer) return [];
  const minors =
    older.major === newer.major ? newer.minor - older.minor : Math.sign(newer.major - older.major) * Infinity;
  if (!(minors > allowed)) return [];
  const rule = allowed === 0 ? "it cannot be downgraded" : "it goes back one minor version at a time";
  return [`${path}: ${before} to ${now} was an upgrade of a minor version, and ${rule}`];
}
