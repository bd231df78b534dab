import type { Model } from "../model/model";
import type { Settings } from "../settings/schema";
import {
  compareMinor,
  inRange,
  istioReleases,
  type KubernetesRange,
  minorOf,
  talosReleases,
} from "../settings/versions";
import { ciliumChart } from "../cluster/kinds/cilium";
import { issuedAuthority, istioCsrChart } from "../mesh/values/istio-csr";
import { installedProducts } from "../platform/products/registry";
import type { Problem, SettingPath } from "../shared/problem";
import type { Check } from "./check";

export const versionChecks: readonly Check[] = [
  (model) => talosOf(model).flatMap(knownRelease),
  (model) => istioOf(model).flatMap(knownRelease),
  (model) => istioOf(model).flatMap((product) => fits(product, model, talosOf(model))),
  (model) => talosOf(model).flatMap((product) => fits(product, model, istioOf(model))),
  (model) => platformOf(model).flatMap((product) => fits(product, model, [...talosOf(model), ...istioOf(model)])),
];

interface Product {
  readonly name: string;
  readonly version: string;
  readonly path: SettingPath;
  readonly releases: ReadonlyMap<string, { readonly kubernetes: KubernetesRange }>;
}

/** The Talos of a cluster that this program creates; an existing cluster runs already. */
function talosOf({ cluster: { created, talosVersion: version } }: Model): Product[] {
  if (!created || version === undefined) return [];
  return [{ name: "Talos", version, path: ["cluster", "talosVersion"], releases: talosReleases }];
}

function istioOf({ settings: { mesh } }: Model): Product[] {
  const { version, canary } = mesh;
  const istio = { name: "Istio", releases: istioReleases };
  return [
    { ...istio, version, path: ["mesh", "version"] },
    ...(canary ? [{ ...istio, version: canary.version, path: ["mesh", "canary", "version"] }] : []),
  ];
}

interface NextVersion {
  readonly product: "Istio" | "Talos" | "Kubernetes";
  readonly current: string;
  /** The next minor version; undefined where this release of talos-mesh knows none. */
  readonly next?: string;
  /** What the stack runs that does not go with it. */
  readonly obstacles: readonly string[];
}

/** The next minor version of everything that the stack itself installs, and what has to be upgraded before. */
export function nextVersions(model: Model): NextVersion[] {
  const { created, kubernetesVersion } = model.cluster;
  const [istio] = istioOf(model);
  const products = [...(istio ? [istio] : []), ...talosOf(model)];
  const known = products.map(({ name, version, releases }): NextVersion => {
    const next = [...releases.keys()].find((minor) => compareMinor(minor, version) > 0);
    const range = releases.get(next ?? "")?.kubernetes;
    const obstacles =
      range && kubernetesVersion !== undefined && !inRange(minorOf(kubernetesVersion), range)
        ? [`it supports Kubernetes ${span(range)}, and the cluster has ${kubernetesVersion}`]
        : [];
    return { product: name === "Talos" ? "Talos" : "Istio", current: version, next, obstacles };
  });
  if (!created || kubernetesVersion === undefined) return known;
  const next = `1.${minorNumber(minorOf(kubernetesVersion)) + 1}`;
  const obstacles = [...products, ...platformOf(model)].flatMap(({ name, version, releases }) => {
    const range = releases.get(minorOf(version))?.kubernetes;
    return range && !inRange(next, range) ? [`${name} ${version} supports ${span(range)}`] : [];
  });
  return [...known, { product: "Kubernetes", current: kubernetesVersion, next, obstacles }];
}

/** The charts of other projects that the stack installs, but those of observability, with the settings that decide it. */
export function platformCharts({ cluster, platform, mesh }: Pick<Settings, "cluster" | "platform" | "mesh">) {
  const cilium = { path: ["cluster", "cni"], chart: ciliumChart };
  return [
    ...(cluster.kind === "talos" && cluster.cni.name === "cilium" ? [cilium] : []),
    ...installedProducts({ platform, mesh }).map(({ product }) => product),
    ...(issuedAuthority(mesh) ? [{ path: ["mesh", "ca"], chart: istioCsrChart }] : []),
  ];
}

function platformOf({ settings }: Model): Product[] {
  return platformCharts(settings).map(({ path, chart }) => {
    const { product: name, version, kubernetes } = chart;
    return { name, version, path, releases: new Map([[minorOf(version), { kubernetes }]]) };
  });
}

function knownRelease({ name, version, path, releases }: Product): Problem[] {
  if (releases.has(minorOf(version))) return [];
  const prefix = version.startsWith("v") ? "v" : "";
  const supported = span([...releases.keys()].map((minor) => `${prefix}${minor}`));
  return [
    { path, message: `found ${version}; expected ${name} ${supported}, which this version of talos-mesh supports` },
  ];
}

/** Whether a product supports the Kubernetes version, and if not, the nearest versions that go together. */
function fits(product: Product, { settings, cluster }: Model, others: readonly Product[]): Problem[] {
  const { kubernetesVersion } = cluster;
  const { name, version, path, releases } = product;
  const range = releases.get(minorOf(version))?.kubernetes;
  if (!range || kubernetesVersion === undefined) return [];
  const given = minorOf(kubernetesVersion);
  if (inRange(given, range)) return [];
  const supported = supportedByAll([product, ...others]);
  const nearest = compareMinor(given, range[0]) < 0 ? supported[0] : supported.at(-1);
  const fitting = [...releases].filter(([, release]) => inRange(given, release.kubernetes)).map(([minor]) => minor);
  const isDefault = settings.cluster.kubernetesVersion === undefined;
  const choices = [
    nearest !== undefined && `${isDefault ? "cluster.kubernetesVersion to" : "Kubernetes"} v${nearest}.x`,
    fitting.length > 0 && (isDefault ? `${path.join(".")} to ${fitting.join(" or ")}` : `${name} ${span(fitting)}`),
  ].filter(Boolean);
  const set = choices.length > 0 ? `set ${choices.join(isDefault ? ", or " : " or ")}` : "change them together";
  const together = others.map((other) => `${other.name} ${other.version}`).join(" and ");
  const none = nearest === undefined ? ` (no Kubernetes goes with ${together} as well)` : "";
  const problem = isDefault
    ? `the default Kubernetes ${kubernetesVersion} is not supported by`
    : `Kubernetes ${kubernetesVersion} does not go with`;
  return [
    {
      path: isDefault ? path : ["cluster", "kubernetesVersion"],
      message: `${problem} ${name} ${version}, which supports ${span(range)}${none}; ${set}`,
    },
  ];
}

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
