import { existsSync } from "node:fs";
import type { EngineRun, Finding, StackStatus } from "../../cli/engine/engine";
import type { ApiServer, ApplyObject, LiveObject } from "../../components/shared/kubernetes/api-server";
import { ApiError } from "../../components/shared/kubernetes/errors";
import type { HelmRevision } from "../../components/shared/kubernetes/helm-records";
import { referenceOf } from "../../components/shared/kubernetes/object";
import { readinessWithEndpoints } from "../../components/shared/kubernetes/readiness";
import { holdsUnknown } from "../program/secrets";
import { runProgram, unwrapSecrets, type Registration, type ResourceHost } from "../program/run-program";
import { clusterFiles } from "../cluster/files";
import { clusterStatus } from "../cluster/status";
import { refuseEncryptedValue, connectToStack } from "./deploy";
import { objectState, releaseState } from "./host";
import { labelOf, layerOf } from "./naming";
import { changedFields, withMarks } from "./objects";
import { listOwned, objectKey, releaseKey } from "./prune";
import type { Records } from "./records";
import { isDeployed, latestRevision, releaseInputs, type ReleaseInputs } from "./releases";

type Comparison = Pick<Finding, "state" | "detail">;

export async function stackStatus(
  run: Pick<EngineRun, "projectRoot" | "stack" | "configFile" | "signal"> & { readonly main?: string },
): Promise<StackStatus | undefined> {
  const { projectRoot, stack, configFile, signal, main } = run;
  const { kubeconfig } = clusterFiles(projectRoot, stack);
  if (!existsSync(kubeconfig) && (await clusterStatus(projectRoot, stack)).state === "absent") return undefined;
  const found = await connectToStack(run);
  if (found === undefined) return { reachable: false, findings: [], outputs: {} };
  const { server, records } = found;
  const host = new StatusHost(server, records, stack, signal);
  const options = { projectRoot, stack, configFile, main, host, preview: true, secretValue: refuseEncryptedValue };
  await runProgram({ ...options, onWarning: () => undefined });
  const others = (await listOwned(server, stack, records, signal)).filter(({ key }) => !host.registered.has(key));
  for (const { kind, layer, label } of others) {
    if (kind === "command") continue;
    host.findings.push({ kind, layer, label, state: "changed", detail: "not in the stack file any more" });
  }
  return { reachable: true, findings: host.findings, outputs: records.content.run?.outputs ?? {} };
}

/** Finds out for each resource what deploying it would change. */
class StatusHost implements ResourceHost {
  readonly findings: Finding[] = [];
  readonly registered = new Set<string>();

  constructor(
    private readonly server: ApiServer,
    private readonly records: Records,
    private readonly stack: string,
    private readonly signal?: AbortSignal,
  ) {}

  async register(registration: Registration): Promise<{ id?: string; state: Record<string, unknown> }> {
    const { urn, type, name, custom } = registration;
    const inputs = unwrapSecrets(registration.inputs) as Record<string, unknown>;
    const item = { layer: layerOf(urn), label: labelOf(registration, inputs) };
    const absent = this.records.content.run?.urns.includes(urn) === true ? "missing" : "not deployed";
    if (type === "command:local:Command") {
      this.registered.add(urn);
      return { id: name, state: { ...registration.inputs, ...this.records.command(urn)?.output } };
    }
    if (!custom || !type.startsWith("kubernetes:")) return { id: name, state: {} };
    if (type === "kubernetes:helm.sh/v3:Release") {
      const release = releaseInputs(inputs, registration);
      this.registered.add(releaseKey(release));
      const revision = await latestRevision(this.server, release, this.signal);
      const comparison = revision ? compareRelease(revision, release) : { state: absent };
      this.findings.push({ kind: "release", ...item, ...comparison } as Finding);
      return { id: `${release.namespace}/${release.name}`, state: releaseState(registration, release, revision) };
    }
    const object = inputs as unknown as ApplyObject;
    // Unknown is what a command prints that has not run.
    const isKnown = !holdsUnknown(inputs);
    const live = isKnown ? await this.server.get(referenceOf(object), this.signal) : undefined;
    if (isKnown) this.registered.add(objectKey(referenceOf(object)));
    const comparison = live ? await this.compare(object, live, item.layer) : { state: absent };
    this.findings.push({ kind: "object", ...item, ...comparison } as Finding);
    return { id: name, state: live ? objectState(live) : {} };
  }

  /** The API server computes what applying the object would change: it knows defaults, units and lists. */
  private async compare(object: ApplyObject, live: LiveObject, layer: string): Promise<Comparison> {
    if (live.metadata.deletionTimestamp !== undefined) return { state: "changed", detail: "is being deleted" };
    try {
      const applied = await this.server.applied(withMarks(object, live, { stack: this.stack, layer }), this.signal);
      const changed = changedFields(live, applied);
      if (changed.length > 0) return { state: "changed", detail: changed.join(", ") };
      const readiness = await readinessWithEndpoints(this.server, live, this.signal);
      if (readiness.state === "ready") return { state: "as deployed" };
      return { state: "changed", detail: readiness.state === "failed" ? readiness.why : `not ready: ${readiness.for}` };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A change that cannot be applied is refused. Any other error, as of a webhook that does not respond, tells nothing.
      return { state: error.status === 422 ? "changed" : "not compared", detail: error.message };
    }
  }
}

function compareRelease(revision: HelmRevision, release: ReleaseInputs): Comparison {
  if (isDeployed(revision, release)) return { state: "as deployed" };
  return { state: "changed", detail: revision.status === "deployed" ? "its chart or values" : revision.status };
}
