import { istioReleases, minorOf, talosReleases } from "../../components/settings/versions";
import { supportLeft, supportOf, type SupportedProduct, supportReadOn } from "../../components/settings/support";
import { nextVersions } from "../../components/validation/versions";
import { compare } from "semver";
import { count } from "../report/terminal";
import { type Check, type Found, NothingToCheck, ok, type DoctorContext, warning } from "./doctor";

/** Versions of the stack: until when they are supported, and what an upgrade would need. */

export const versionChecks: readonly Check[] = [
  { subject: "support", where: "versions", limit: 10, run: (context) => Promise.resolve(support(context)) },
  { subject: "upgrade", where: "versions", limit: 10, run: (context) => Promise.resolve(upgrades(context)) },
];

/** Days before the end from which on it is time to plan. */
const soon = 60;

function support({ model, now, stack }: DoctorContext): Found[] {
  const versions: [SupportedProduct, string][] = [["Node.js", process.versions.node]];
  if (model) {
    const { cluster, settings } = model;
    const { talosVersion, kubernetesVersion } = cluster;
    versions.push(["Istio", settings.mesh.version]);
    if (talosVersion !== undefined) versions.push(["Talos", talosVersion]);
    if (kubernetesVersion !== undefined) versions.push(["Kubernetes", kubernetesVersion]);
  }
  return versions.map(([product, version]) => supportFinding(product, version, now, stack));
}

export function supportFinding(product: SupportedProduct, version: string, now: number, stack: string): Found {
  const at = `${product} ${version}`;
  const left = supportLeft(product, version, now);
  const { source } = supportOf[product];
  if (!left) return ok(at, `no end of its support was known on ${supportReadOn}: ${source}`);
  const { end, days } = left;
  const next =
    product === "Node.js"
      ? `install a newer one: ${source}`
      : `plan the upgrade: npm run upgrade -- --stack ${stack} --${product.toLowerCase()} VERSION (${source})`;
  if (days <= 0) return warning(at, `out of support since ${end}: it gets no fixes`, next);
  return days < soon
    ? warning(at, `supported until ${end}, ${count(days, "day")} left`, next)
    : ok(at, `supported until ${end}`);
}

function upgrades({ model, stack }: DoctorContext): Found[] {
  if (!model) throw new NothingToCheck();
  return nextVersions(model).flatMap(({ product, current, next, obstacles }) => {
    const at = `${product} ${current}`;
    const newest = newestOf(product, minorOf(current));
    const command = (version: string) => `npm run upgrade -- --stack ${stack} --${product.toLowerCase()} ${version}`;
    const patch =
      newest !== undefined && compare(current.replace(/^v/, ""), newest.replace(/^v/, "")) < 0
        ? [warning(at, `older than the patch release ${newest}`, command(newest))]
        : [];
    if (next === undefined) return [...patch, ok(at, "the newest minor version that this release of talos-mesh knows")];
    const prefix = product === "Istio" ? "" : "v";
    if (obstacles.length > 0)
      return [
        ...patch,
        ok(at, `${prefix}${next} is the next minor version, and not possible yet: ${obstacles.join("; ")}`),
      ];
    return [...patch, ok(at, `can be upgraded: ${command(newestOf(product, next) ?? `${prefix}${next}.x`)}`)];
  });
}

function newestOf(product: string, minor: string): string | undefined {
  if (product === "Istio") return istioReleases.get(minor)?.newest;
  return product === "Talos" ? talosReleases.get(minor)?.newest : undefined;
}
