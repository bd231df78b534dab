import type { Problem, SettingPath } from "../../shared/problem";
import type { ClusterSettings } from "../../cluster/kinds";
import type { MeshSettings } from "../../settings/sections/mesh";
import {
  compareMinor,
  istioSupportsKubernetes,
  type KubernetesRange,
  minorOf,
  talosSupportsKubernetes,
  versions,
} from "../../settings/versions";
import { rule } from "./rule";

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

/** Minor versions of Kubernetes that all of these products support, oldest first. */
function supportedBy(products: readonly Product[]): string[] {
  const ranges = products.flatMap(({ supports, version }) => {
    const range = supports[minorOf(version)];
    return range ? [range] : [];
  });
  const minors = ranges.flatMap(([oldest, newest]) => {
    const [first, last] = [minorNumber(oldest), minorNumber(newest)];
    return Array.from({ length: last - first + 1 }, (_, step) => `1.${first + step}`);
  });
  const fitting = [...new Set(minors)].filter((minor) => ranges.every((range) => within(minor, range)));
  return fitting.sort(compareMinor);
}

function minorNumber(minor: string): number {
  return Number(minor.split(".")[1]);
}

/**
 * Whether a product's version goes with a Kubernetes version, and if not, the nearest versions that do: the Kubernetes
 * that every product given supports, where there is one, and the product's own that support this Kubernetes.
 */
function* fits(
  product: Product,
  kubernetes: { version: string; path: SettingPath } | undefined,
  others: readonly Product[] = [],
): Iterable<Problem> {
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
  const common = supportedBy([product, ...others]);
  const nearest = compareMinor(wanted, range[0]) < 0 ? common[0] : common.at(-1);
  const fitting = known.filter((candidate) => within(wanted, supports[candidate] ?? range));
  const choices = [
    ...(nearest === undefined ? [] : [`set Kubernetes v${nearest}.x`]),
    ...(fitting.length > 0 ? [`${nearest === undefined ? "set " : ""}${name} ${span(fitting)}`] : []),
  ];
  const together = others.map((other) => `${other.name} ${other.version}`).join(" and ");
  const none = nearest === undefined ? ` (no Kubernetes goes with ${together} as well)` : "";
  yield {
    path: kubernetes.path,
    message: `Kubernetes ${kubernetes.version} does not go with ${name} ${version}, which supports ${span(range)}${none}; ${choices.join(" or ") || "change them together"}`,
  };
}

function talosOf(cluster: ClusterSettings): Product[] {
  if (cluster.kind !== "talos" && cluster.kind !== "docker") return [];
  const { talosVersion: version } = cluster;
  return [{ name: "Talos", version, path: ["cluster", "talosVersion"], supports: talosSupportsKubernetes }];
}

function istioOf({ version, canary }: MeshSettings): [Product, ...Product[]] {
  const product = (of: string, ...path: string[]) => ({
    name: "Istio",
    version: of,
    path: ["mesh", ...path],
    supports: istioSupportsKubernetes,
  });
  return [product(version, "version"), ...(canary ? [product(canary.version, "canary", "version")] : [])];
}

/** Talos, Kubernetes and Istio have to go together. */
export const versionsFit = [
  rule(["cluster"], function* ({ cluster }) {
    if (cluster.kind !== "talos") return;
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
    const path = given === undefined ? ["mesh", "version"] : ["cluster", "kubernetesVersion"];
    const kubernetes = version === undefined ? undefined : { version, path };
    const [talos, istio] = [talosOf(cluster), istioOf(mesh)];
    for (const product of istio) yield* fits(product, kubernetes, talos);
    for (const product of talos) yield* fits(product, kubernetes, istio);
  }),
];
