import semver from "semver";
import { rootNamespace } from "../../../shared/istio";
import { type StepContext, StepError } from "../context";
import { helmReleases } from "../helm-releases";
import { type LiveControlPlane, liveControlPlanes } from "../live";
import type { StepRequests, WantedControlPlane } from "../requests";

/** Says whose control plane istio-system holds. */
const claim = { apiVersion: "v1", kind: "ConfigMap", namespace: rootNamespace, name: "talos-mesh" } as const;

/**
 * Everything that makes an installation or an upgrade impossible, before anything is changed: another owner, a Helm release
 * that another run has in hand or has left there, and a version more than one minor away from what runs.
 */
export async function upgradeCheck(
  context: StepContext,
  { owner, controlPlanes }: StepRequests["upgrade-check"],
): Promise<{ readonly found: Readonly<Record<string, string>> }> {
  const { server } = context;
  const live = await liveControlPlanes(server);
  const claimed = ((await server.get(claim)) as { data?: { owner?: string } } | undefined)?.data?.owner;
  checkOwner(owner, claimed, live);
  await checkReleases(context);
  const here = live.filter((each) => each.namespace === rootNamespace);
  for (const wanted of controlPlanes) checkVersion(wanted, here);

  if (claimed === undefined) {
    const metadata = { name: claim.name, namespace: rootNamespace };
    await server.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { owner }, spec: undefined });
  }
  return { found: Object.fromEntries(here.map(({ revision, version }) => [revision, version ?? "unknown"])) };
}

function checkOwner(owner: string, claimed: string | undefined, live: readonly LiveControlPlane[]): void {
  if (claimed === owner) return;
  const [first] = live;
  if (claimed !== undefined) {
    throw new StepError(
      `the control plane in ${rootNamespace} belongs to the stack ${claimed}, and this is ${owner}`,
      `deploy to another cluster, or destroy ${claimed} first; where it is the same stack under a new name: ` +
        `kubectl -n ${rootNamespace} patch configmap ${claim.name} -p '{"data":{"owner":"${owner}"}}'`,
    );
  }
  if (first) {
    throw new StepError(
      `there is a control plane that this stack did not make: Deployment ${first.namespace}/${first.name}, Istio ${first.version ?? "of unknown version"}`,
      "deploy to another cluster, or remove it with what has installed it (helm uninstall, istioctl uninstall --purge)",
    );
  }
}

async function checkReleases({ server, say }: StepContext): Promise<void> {
  for (const { name, revision, status } of await helmReleases(server, rootNamespace)) {
    if (status === "failed") {
      say(`the Helm release ${name} has failed before (revision ${revision}); Helm goes on from there`);
    } else if (status === "pending-install" || status === "uninstalling") {
      throw new StepError(
        `the Helm release ${name} is ${status}: another run has it in hand, or was killed`,
        `where no other run is at work: helm -n ${rootNamespace} uninstall ${name}; then run the same command again`,
      );
    } else if (status.startsWith("pending-")) {
      throw new StepError(
        `the Helm release ${name} is ${status}: another run has it in hand, or was killed`,
        `where no other run is at work: helm -n ${rootNamespace} rollback ${name}; then run the same command again`,
      );
    }
  }
}

/** A control plane goes one minor version at a time, and so does one that comes beside others. */
function checkVersion(wanted: WantedControlPlane, live: readonly LiveControlPlane[]): void {
  const same = live.filter(({ revision }) => revision === wanted.revision);
  const others = (same.length > 0 ? same : live).flatMap(({ version }) => (version === undefined ? [] : [version]));
  if (others.length === 0 || others.some((version) => minorsApart(version, wanted.version) <= 1)) return;
  const from = others.reduce((a, b) => (minorsApart(b, wanted.version) < minorsApart(a, wanted.version) ? b : a));
  throw new StepError(
    `Istio ${from} runs, and ${wanted.version} (revision ${wanted.revision}) is ${minorsApart(from, wanted.version)} minor versions away; ` +
      "Istio is upgraded, and taken back, one minor version at a time",
    `set the version to one of ${nextMinor(from, wanted.version)} first`,
  );
}

/** `1.32` on the way from 1.31.1 to 1.33.0. */
function nextMinor(from: string, to: string): string {
  const { major, minor } = new semver.SemVer(from);
  return `${major}.${minor + (semver.gt(to, from) ? 1 : -1)}`;
}

function minorsApart(a: string, b: string): number {
  const [x, y] = [new semver.SemVer(a), new semver.SemVer(b)];
  return x.major === y.major ? Math.abs(x.minor - y.minor) : Number.POSITIVE_INFINITY;
}
