import type { Model } from "../model/model";
import type { ClusterSettings, ClusterTraits } from "../cluster/kinds";
import type { MeshSettings } from "../settings/sections/mesh";
import {
  compareMinor,
  inRange,
  istioReleases,
  type KubernetesRange,
  minorOf,
  talosReleases,
} from "../settings/versions";
import type { Problem, SettingPath } from "../shared/problem";
import { runChecks } from "../shared/unknown";
import type { Check } from "./check";

/** Talos, Kubernetes and Istio have to go together. */
export const versionChecks: readonly Check[] = [compatible];

function compatible({ settings, cluster }: Model): Iterable<Problem> {
  const kubernetes = () => kubernetesOf(settings.cluster, cluster);
  const [talos, istio] = [() => talosOf(cluster), () => istioOf(settings.mesh)];
  return runChecks(
    ...[talos, istio].map((products) => () => products().flatMap(knownRelease)),
    () => istio().flatMap((product) => fits(product, kubernetes(), talos())),
    () => talos().flatMap((product) => fits(product, kubernetes(), istio())),
  );
}

interface Product {
  readonly name: string;
  readonly version: string;
  /** Where its version is. */
  readonly path: SettingPath;
  readonly releases: ReadonlyMap<string, { readonly kubernetes: KubernetesRange }>;
}

function talosOf({ talosVersion: version }: ClusterTraits): Product[] {
  if (version === undefined) return [];
  return [{ name: "Talos", version, path: ["cluster", "talosVersion"], releases: talosReleases }];
}

function istioOf({ version, canary }: MeshSettings): Product[] {
  const istio = { name: "Istio", releases: istioReleases };
  return [
    { ...istio, version, path: ["mesh", "version"] },
    ...(canary ? [{ ...istio, version: canary.version, path: ["mesh", "canary", "version"] }] : []),
  ];
}

interface Kubernetes {
  readonly version: string;
  /** Where to report that it does not fit. */
  readonly path: SettingPath;
}

/** The cluster's Kubernetes, where it is known. */
function kubernetesOf(given: ClusterSettings, { kubernetesVersion: version }: ClusterTraits): Kubernetes | undefined {
  if (version === undefined) return undefined;
  return {
    version,
    path: given.kubernetesVersion === undefined ? ["mesh", "version"] : ["cluster", "kubernetesVersion"],
  };
}

function knownRelease({ name, version, path, releases }: Product): Problem[] {
  if (releases.has(minorOf(version))) return [];
  return [{ path, message: `found ${version}; this release knows ${name} ${span([...releases.keys()])}` }];
}

/** Whether a product supports the Kubernetes version, and if not, the nearest versions that go together. */
function fits(product: Product, kubernetes: Kubernetes | undefined, others: readonly Product[]): Problem[] {
  const { name, version, releases } = product;
  const range = releases.get(minorOf(version))?.kubernetes;
  if (!range || !kubernetes) return [];
  const given = minorOf(kubernetes.version);
  if (inRange(given, range)) return [];
  const supported = supportedByAll([product, ...others]);
  const nearest = compareMinor(given, range[0]) < 0 ? supported[0] : supported.at(-1);
  const fitting = [...releases].filter(([, release]) => inRange(given, release.kubernetes)).map(([minor]) => minor);
  const choices = [
    ...(nearest === undefined ? [] : [`set Kubernetes v${nearest}.x`]),
    ...(fitting.length > 0 ? [`${nearest === undefined ? "set " : ""}${name} ${span(fitting)}`] : []),
  ];
  const together = others.map((other) => `${other.name} ${other.version}`).join(" and ");
  const none = nearest === undefined ? ` (no Kubernetes goes with ${together} as well)` : "";
  return [
    {
      path: kubernetes.path,
      message: `Kubernetes ${kubernetes.version} does not go with ${name} ${version}, which supports ${span(range)}${none}; ${choices.join(" or ") || "change them together"}`,
    },
  ];
}

/** Minor versions of Kubernetes that all of these products support, oldest first. */
function supportedByAll(products: readonly Product[]): string[] {
  const ranges = products.flatMap(({ releases, version }) => releases.get(minorOf(version)) ?? []);
  const oldest = Math.max(...ranges.map(({ kubernetes: [minor] }) => minorNumber(minor)));
  const newest = Math.min(...ranges.map(({ kubernetes: [, minor] }) => minorNumber(minor)));
  return Array.from({ length: Math.max(0, newest - oldest + 1) }, (_, step) => `1.${oldest + step}`);
}

function minorNumber(minor: string): number {
  return Number(minor.split(".")[1]);
}

function span(minors: readonly string[]): string {
  const [first, last] = [minors[0], minors.at(-1)];
  return first === last ? String(first) : `${first} to ${last}`;
}
