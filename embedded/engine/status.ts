import { existsSync } from "node:fs";
import type { EngineRun, Finding, StackStatus } from "../../cli/engine/engine";
import { releaseType } from "../../components/shared/kubernetes/helm-records";
import type { ApiServer, ApplyObject, LiveObject } from "../../components/shared/kubernetes/api-server";
import { ApiError } from "../../components/shared/kubernetes/errors";
import type { HelmRevision } from "../../components/shared/kubernetes/helm-records";
import { referenceOf } from "../../components/shared/kubernetes/object";
import { readinessWithEndpoints } from "../../components/shared/kubernetes/readiness";
import { isUnknown, someLeaf } from "../program/secrets";
import { runProgram, unwrapSecrets, type ResourceHost } from "../program/run-program";
import { clusterFiles } from "../cluster/files";
import { clusterStatus } from "../cluster/status";
import { refuseEncryptedValue, connectToStack } from "./deploy";
import { objectState, releaseState } from "./host";
import { commandType, labelOf, layerOf } from "./naming";
import { changedFields, withMarks } from "./objects";
import { listOwned, objectKey, releaseKey } from "./prune";
import { isDeployed, latestRevision, releaseInputs, type ReleaseInputs } from "./releases";

type Comparison = Pick<Finding, "state" | "detail">;

export async function stackStatus(
  run: Pick<EngineRun, "projectRoot" | "stack" | "configFile" | "signal"> & { readonly main?: string },
): Promise<StackStatus | undefined> {
  const { projectRoot, stack, signal } = run;
  const { kubeconfig } = clusterFiles(projectRoot, stack);
  if (!existsSync(kubeconfig) && (await clusterStatus(projectRoot, stack)).state === "absent") return undefined;
  const found = await connectToStack(run);
  if (found === undefined) return { reachable: false, findings: [], outputs: {} };
  const { server, records } = found;
  const findings: Finding[] = [];
  const registered = new Set<string>();
  const register: ResourceHost["register"] = async (registration) => {
    const { urn, type, name, custom } = registration;
    const inputs = unwrapSecrets(registration.inputs) as Record<string, unknown>;
    const item = { layer: layerOf(urn), label: labelOf(registration, inputs) };
    const absent = records.content.run?.urns.includes(urn) === true ? "missing" : "not deployed";
    if (type === commandType) {
      registered.add(urn);
      return { id: name, state: { ...registration.inputs, ...records.command(urn)?.output } };
    }
    if (!custom || !type.startsWith("kubernetes:")) return { id: name, state: {} };
    if (type === releaseType) {
      const release = releaseInputs(inputs, registration);
      registered.add(releaseKey(release));
      const revision = await latestRevision(server, release, signal);
      const comparison = revision ? compareRelease(revision, release) : { state: absent };
      findings.push({ kind: "release", ...item, ...comparison } as Finding);
      return { id: `${release.namespace}/${release.name}`, state: releaseState(registration, release, revision) };
    }
    const object = inputs as unknown as ApplyObject;
    // Unknown is what a command prints that has not run.
    const isKnown = !someLeaf(inputs, isUnknown);
    const live = isKnown ? await server.get(referenceOf(object), signal) : undefined;
    if (isKnown) registered.add(objectKey(referenceOf(object)));
    const marked = withMarks(object, live, { stack, layer: item.layer });
    const comparison = live ? await compareObject(server, marked, live, signal) : { state: absent };
    findings.push({ kind: "object", ...item, ...comparison } as Finding);
    return { id: name, state: live ? objectState(live) : {} };
  };
  const program = { ...run, host: { register }, secretValue: refuseEncryptedValue };
  await runProgram({ ...program, preview: true, onWarning: () => undefined });
  for (const { kind, key, layer, label } of await listOwned(server, stack, records, signal)) {
    if (kind === "command" || registered.has(key)) continue;
    findings.push({ kind, layer, label, state: "changed", detail: "not in the stack file any more" });
  }
  return { reachable: true, findings, outputs: records.content.run?.outputs ?? {} };
}

/** The API server computes what applying the object would change: it knows defaults, units and lists. */
async function compareObject(
  server: ApiServer,
  object: ApplyObject,
  live: LiveObject,
  signal: AbortSignal | undefined,
): Promise<Comparison> {
  if (live.metadata.deletionTimestamp !== undefined) return { state: "changed", detail: "is being deleted" };
  try {
    const changed = changedFields(live, await server.applied(object, signal));
    if (changed.length > 0) return { state: "changed", detail: changed.join(", ") };
    const { state, missing = "" } = await readinessWithEndpoints(server, live, signal);
    if (state === "ready") return { state: "as deployed" };
    return { state: "changed", detail: `${state === "failed" ? "" : "not ready: "}${missing}` };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // A change that cannot be applied is refused. Any other error, as of a webhook that does not respond, tells nothing.
    return { state: error.status === 422 ? "changed" : "not compared", detail: error.message };
  }
}

function compareRelease(revision: HelmRevision, release: ReleaseInputs): Comparison {
  if (isDeployed(revision, release)) return { state: "as deployed" };
  return { state: "changed", detail: revision.status === "deployed" ? "its chart or values" : revision.status };
}
