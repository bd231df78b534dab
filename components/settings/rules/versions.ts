import type { Problem, SettingPath } from "../errors";
import { istioSupportsKubernetes, type KubernetesRange, talosSupportsKubernetes, versions } from "../versions";
import { rule } from "./rule";

/** `1.29` of `v1.29.1`. */
export function minorOf(version: string): string {
  return version.replace(/^v/, "").split(".").slice(0, 2).join(".");
}

/** Negative where minor version `a` is older than `b`. */
export function compareMinor(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}

function within(version: string, [oldest, newest]: KubernetesRange): boolean {
  return compareMinor(version, oldest) >= 0 && compareMinor(version, newest) <= 0;
}

function span(names: readonly string[]): string {
  const [first, last] = [names[0], names.at(-1)];
  return first === last ? String(first) : `${first} to ${last}`;
}

interface Product {
  readonly name: string;
  readonly version: string;
  /** Where its version stands. */
  readonly path: SettingPath;
  readonly supports: Readonly<Record<string, KubernetesRange>>;
}

/** Whether a product's version goes with a Kubernetes version, and if not, the nearest versions that do. */
function* fits(product: Product, kubernetes: { version: string; path: SettingPath } | undefined): Iterable<Problem> {
  const { name, version, path, supports } = product;
  const minor = minorOf(version);
  const known = Object.keys(supports);
  const range = supports[minor];
  if (!range) {
    yield { path, message: `found ${version}; this release knows ${name} ${span(known)}` };
    return;
  }
  if (!kubernetes) return;
  const wanted = minorOf(kubernetes.version);
  if (within(wanted, range)) return;
  const others = known.filter((candidate) => within(wanted, supports[candidate] ?? range));
  const nearest = compareMinor(wanted, range[0]) < 0 ? range[0] : range[1];
  const choices = [`set Kubernetes v${nearest}.x`, ...(others.length > 0 ? [`${name} ${span(others)}`] : [])];
  yield {
    path: kubernetes.path,
    message: `Kubernetes ${kubernetes.version} does not go with ${name} ${version}, which supports ${span(range)}; ${choices.join(" or ")}`,
  };
}

/** Talos, Kubernetes and Istio have to go together. */
export const versionsFit = [
  rule(["cluster"], function* ({ cluster }) {
    if (cluster.kind !== "talos" && cluster.kind !== "docker") return;
    yield* fits(
      {
        name: "Talos",
        version: cluster.talosVersion,
        path: ["cluster", "talosVersion"],
        supports: talosSupportsKubernetes,
      },
      { version: cluster.kubernetesVersion, path: ["cluster", "kubernetesVersion"] },
    );
    const contract = cluster.contract;
    if (contract !== undefined && compareMinor(minorOf(contract), minorOf(cluster.talosVersion)) > 0) {
      yield {
        path: ["cluster", "contract"],
        message: `found ${contract}; expected at most that of talosVersion, v${minorOf(cluster.talosVersion)}`,
      };
    }
  }),
  rule(["cluster", "mesh"], function* ({ cluster, mesh }) {
    const given = cluster.kubernetesVersion;
    const version = given ?? (cluster.kind === "embedded" ? versions.kubernetes : undefined);
    yield* fits(
      { name: "Istio", version: mesh.version, path: ["mesh", "version"], supports: istioSupportsKubernetes },
      version === undefined
        ? undefined
        : { version, path: given === undefined ? ["mesh", "version"] : ["cluster", "kubernetesVersion"] },
    );
  }),
];
