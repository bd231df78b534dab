import type { Problem } from "../../shared/problem";
import type { ClusterSettings } from "../../cluster/kinds";
import { duplicates } from "./duplicates";
import { rule } from "./rule";

type Talos = Extract<ClusterSettings, { kind: "talos" }>;

function* nodeProblems({ nodes, allowSchedulingOnControlPlanes }: Talos): Iterable<Problem> {
  const path = ["cluster", "nodes"];
  yield* duplicates(
    nodes.map(({ hostname }, index) => ({ path: [...path, index, "hostname"], key: hostname })),
    "host name",
  );
  yield* duplicates(
    nodes.map(({ ipAddress }, index) => ({ path: [...path, index, "ipAddress"], key: ipAddress.toLowerCase() })),
    "address",
  );
  for (const [index, node] of nodes.entries()) {
    const given = [node.installDisk, node.installDiskSelector].filter((one) => one !== undefined).length;
    // An image of a cloud is installed already, and a container has no disk.
    if (given === 1 || (given === 0 && node.mode !== "metal")) continue;
    yield {
      path: [...path, index],
      message: `found ${given === 0 ? "neither" : "both"}; expected exactly one of: installDisk, installDiskSelector`,
    };
  }
  const controlPlanes = nodes.filter((node) => node.controlPlane).length;
  if (controlPlanes === 0) yield { path, message: "no node has controlPlane: true; expected 1, 3 or 5" };
  if (controlPlanes === 2) {
    yield { path, message: "found 2 control planes: etcd stops when either fails; expected 1, 3 or 5" };
  }
  if (controlPlanes === nodes.length && controlPlanes > 0 && !allowSchedulingOnControlPlanes) {
    yield {
      path,
      message: "found no worker, so no pod has a place; add one, or set allowSchedulingOnControlPlanes: true",
    };
  }
}

function* cniProblems({ cni }: Talos): Iterable<Problem> {
  const path = ["cluster", "cni"];
  if (cni.name === "custom" && cni.urls === undefined) {
    yield { path, message: "missing urls: cni.name custom needs the addresses of its manifests" };
  }
  if (cni.name !== "custom" && cni.urls !== undefined) {
    yield { path: [...path, "urls"], message: `goes with cni.name custom only; found ${cni.name}` };
  }
  if (cni.name === "flannel") return;
  const message = `goes with cni.name flannel only; found ${cni.name}`;
  if (cni.kubeNetworkPoliciesEnabled) yield { path: [...path, "kubeNetworkPoliciesEnabled"], message };
  if (cni.extraArgs.length > 0) yield { path: [...path, "extraArgs"], message };
}

export const clusterRules = [
  rule(["cluster"], function* ({ cluster }) {
    if (cluster.kind !== "talos") return;
    yield* nodeProblems(cluster);
    yield* cniProblems(cluster);
  }),
  rule(["environment", "cluster"], function* ({ environment, cluster }) {
    if (environment !== "production") return;
    if (cluster.kind === "embedded" || cluster.kind === "docker") {
      yield {
        path: ["cluster", "kind"],
        message: `found ${cluster.kind}; environment production expected one of: talos, existing`,
      };
    }
    if (cluster.kind === "talos" && cluster.onDestroy !== "none") {
      yield {
        path: ["cluster", "onDestroy"],
        message: `found ${cluster.onDestroy}; environment production allows none only: a destroy must not wipe disks`,
      };
    }
  }),
];
