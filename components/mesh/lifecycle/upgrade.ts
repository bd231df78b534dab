import semver from "semver";
import { rootNamespace } from "../../shared/istio";
import { helmRevisions, isPending } from "../../shared/kubernetes/helm-records";
import { type StepContext, StepError, waitForStep } from "../../shared/step/program";
import { liveAgents, type LiveControlPlane, liveControlPlanes } from "./mesh-state";
import type { StepRequests, WantedControlPlane } from "./steps";

/** Records which stack the control plane in istio-system belongs to. */
const claim = { apiVersion: "v1", kind: "ConfigMap", namespace: rootNamespace, name: "talos-mesh" } as const;

/**
 * Refuses everything that makes an installation or an upgrade impossible, before anything is changed: another owner, a Helm
 * release that another run works on or has left pending, and a version more than one minor version from the running one.
 */
export async function upgradeCheck(context: StepContext, { owner, controlPlanes }: StepRequests["upgrade-check"]) {
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
    const version = first.version ?? "of unknown version";
    throw new StepError(
      `there is a control plane that this stack did not install: Deployment ${first.namespace}/${first.name}, Istio ${version}`,
      "deploy to another cluster, or remove it with the tool that installed it (helm uninstall, istioctl uninstall --purge)",
    );
  }
}

async function checkReleases({ server, log }: StepContext): Promise<void> {
  const revisions = await helmRevisions(server, { namespace: rootNamespace });
  const newest = new Map(revisions.map((revision) => [revision.release, revision]));
  for (const { release, revision, status } of newest.values()) {
    if (status === "failed") {
      log(`the Helm release ${release} has failed before (revision ${revision}); Helm continues from there`);
    } else if (status === "uninstalling" || isPending(status)) {
      const remedy = status === "pending-install" || status === "uninstalling" ? "uninstall" : "rollback";
      throw new StepError(
        `the Helm release ${release} is ${status}: another run works on it, or was killed`,
        `where no other run is active: helm -n ${rootNamespace} ${remedy} ${release}; then run the same command again`,
      );
    }
  }
}

/** A control plane moves one minor version at a time, and so does one that is added to others. */
function checkVersion(wanted: WantedControlPlane, live: readonly LiveControlPlane[]): void {
  const same = live.filter(({ revision }) => revision === wanted.revision);
  const others = (same.length > 0 ? same : live).flatMap(({ version }) => (version === undefined ? [] : [version]));
  if (others.length === 0 || others.some((version) => minorsApart(version, wanted.version) <= 1)) return;
  const from = others.reduce((a, b) => (minorsApart(b, wanted.version) < minorsApart(a, wanted.version) ? b : a));
  const { major, minor } = new semver.SemVer(from);
  const next = minor + (semver.gt(wanted.version, from) ? 1 : -1);
  throw new StepError(
    `Istio ${from} runs, and ${wanted.version} (revision ${wanted.revision}) is ${minorsApart(from, wanted.version)} minor versions away; ` +
      "Istio is upgraded and downgraded one minor version at a time",
    `set the version to one of ${major}.${next} first`,
  );
}

function minorsApart(a: string, b: string): number {
  const [x, y] = [new semver.SemVer(a), new semver.SemVer(b)];
  return x.major === y.major ? Math.abs(x.minor - y.minor) : Number.POSITIVE_INFINITY;
}

/**
 * istio-cni may be one minor version behind istiod, never ahead. A first installation, an unchanged version and a downgrade
 * do not wait, so that a first installation creates both at once; an upgrade waits for istiod.
 */
export async function cniGate(context: StepContext, { version, controlPlanes }: StepRequests["cni-gate"]) {
  const running = (await liveAgents(context.server)).find(({ name }) => name === "istio-cni-node");
  if (!running || (running.version !== undefined && semver.gte(running.version, version))) return { waited: false };

  const next = `see kubectl -n ${rootNamespace} get deployments,pods -l app=istiod; then run the same command again`;
  await waitForStep(context, { seconds: 900, next }, async () => {
    const live = await liveControlPlanes(context.server);
    for (const { istiod, version: wanted } of controlPlanes) {
      const found = live.find(({ name, namespace }) => name === istiod && namespace === rootNamespace);
      if (!found) return `${istiod} does not exist yet`;
      if (found.version !== wanted) return `${istiod} still has version ${found.version ?? "unknown"}, not ${wanted}`;
      if (found.missing !== undefined) return `${istiod}: ${found.missing}`;
    }
    return undefined;
  });
  return { waited: true };
}
