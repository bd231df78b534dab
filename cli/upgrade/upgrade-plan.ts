import semver from "semver";
import { compareMinor, istioReleases, minorOf, talosReleases, versions } from "../../components/settings/versions";
import { readStackConfig } from "../../components/settings/stack-file";
import { parseJson } from "../../components/shared/json";
import { asTree } from "../../components/shared/merge";
import { own } from "../../components/shared/own";
import { UserError } from "../../components/shared/problem";
import type { StackChoice } from "../stack-option";
import type { Edit } from "../stack-edit";

export const products = ["istio", "talos", "kubernetes"] as const;

export type Product = (typeof products)[number];

export interface Upgrade {
  readonly product: Product;
  /** As the stack file has it, or its default. */
  readonly from: string;
  readonly to: string;
  readonly edit: Edit;
}

interface ProductDescription {
  readonly title: string;
  readonly path: Edit["path"];
  /** Before the version. */
  readonly prefix: "" | "v";
  /** Where the stack file names none. */
  readonly fallback?: string;
  /** Newest patch release of a minor version. */
  readonly newest: (minor: string) => string | undefined;
  readonly downgrades: boolean;
  readonly releases: string;
}

const descriptions: Readonly<Record<Product, ProductDescription>> = {
  istio: {
    title: "Istio",
    path: ["talos-mesh:mesh", "version"],
    prefix: "",
    newest: (minor) => istioReleases.get(minor)?.newest,
    downgrades: true,
    releases: "https://istio.io/latest/news/releases",
  },
  talos: {
    title: "Talos",
    path: ["talos-mesh:cluster", "talosVersion"],
    prefix: "v",
    newest: (minor) => talosReleases.get(minor)?.newest,
    downgrades: false,
    releases: "https://github.com/siderolabs/talos/releases",
  },
  kubernetes: {
    title: "Kubernetes",
    path: ["talos-mesh:cluster", "kubernetesVersion"],
    prefix: "v",
    fallback: versions.kubernetes,
    newest: () => undefined,
    downgrades: false,
    releases: "https://kubernetes.io/releases",
  },
};

export function titleOf(product: Product): string {
  return descriptions[product].title;
}

/**
 * What one upgrade changes in the stack file; undefined where it has the version already.
 *
 * @param to with or without a leading `v`
 * @throws UserError where the stack has no such version, or the way to it is refused
 */
export function upgradeOf(choice: StackChoice, product: Product, to: string): Upgrade | undefined {
  const { title, path, prefix, fallback } = descriptions[product];
  const { values } = readStackConfig(choice.projectRoot, choice.configFile);
  const section = (name: string) => asTree(parseJson(own(values, name) ?? ""));
  const cluster = section("talos-mesh:cluster");
  if (product !== "istio") refuseForeign(product, cluster, choice.stack);
  if (product === "istio" && own(section("talos-mesh:mesh"), "canary") !== undefined) {
    throw new UserError(
      `${shownPath(path)}: an upgrade by canary is under way (mesh.canary). Promote it, or remove mesh.canary, before the next ` +
        "upgrade: docs/upgrades.md.",
    );
  }
  const found = own(section(path[0]), String(path[1] ?? "")) ?? fallback;
  const from = typeof found === "string" ? semver.clean(found) : null;
  if (typeof found !== "string" || from === null) {
    throw new UserError(
      `${shownPath(path)}: found no version of ${title}; the stack file needs one before it can be upgraded.`,
    );
  }
  const version = semver.clean(to) ?? to;
  if (from === version) return undefined;
  refuseWay(product, from, version, choice.stack);
  return { product, from: found, to: `${prefix}${version}`, edit: { path, value: `${prefix}${version}` } };
}

function shownPath(path: Edit["path"]): string {
  return path.join(".");
}

/** Of a cluster that this stack does not create. */
function refuseForeign(product: Product, cluster: Readonly<Record<string, unknown>>, stack: string): void {
  const { kind, stackReference } = cluster;
  const title = titleOf(product);
  if (typeof stackReference === "string") {
    throw new UserError(`The cluster belongs to the stack ${stackReference}; upgrade ${title} there.`);
  }
  if (kind === "existing") {
    throw new UserError(
      `The stack "${stack}" uses an existing cluster and does not upgrade it. Upgrade ${title} with the cluster's own tools, then ` +
        `write the version into talos-mesh:cluster.${descriptions[product].path[1]}.`,
    );
  }
  if (product === "talos" && kind === "embedded") {
    throw new UserError(`cluster.kind is embedded, whose nodes do not run Talos.`);
  }
}

/** The layers refuse the same when they deploy; here before anything is written. */
function refuseWay(product: Product, from: string, to: string, stack: string): void {
  const { title, prefix, newest, downgrades, releases } = descriptions[product];
  const [older, newer] = [new semver.SemVer(from), new semver.SemVer(to)];
  const name = `${title} ${prefix}${from} -> ${prefix}${to}`;
  if (older.major !== newer.major) throw new UserError(`${name}: another major version; talos-mesh has no way to it.`);
  const distance = newer.minor - older.minor;
  if (distance < 0 && !downgrades) {
    throw new UserError(
      `${name}: an older minor version, and ${title} does not downgrade. ` +
        (product === "talos"
          ? "`talosctl rollback` boots a node with the release that it had before, for as long as it is on its disk."
          : "etcd keeps objects in the form of the newer version; what goes back is a snapshot of etcd."),
    );
  }
  if (Math.abs(distance) < 2) return;
  const minor = `${older.major}.${older.minor + Math.sign(distance)}`;
  const next = newest(minor);
  throw new UserError(
    `${name}: ${title} is ${distance > 0 ? "upgraded" : "downgraded"} one minor version at a time.\n` +
      `Next: npm run upgrade -- --stack ${stack} --${product} ` +
      (next ?? `${prefix}${minor}.x, its newest patch release (${releases})`),
  );
}

/** Whether it goes back by a minor version. */
export function isDowngrade({ from, to }: Upgrade): boolean {
  return compareMinor(to, from) < 0;
}

/** Whether only the patch release changes. */
export function isPatch({ from, to }: Upgrade): boolean {
  return minorOf(from) === minorOf(to);
}
