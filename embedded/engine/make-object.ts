import { asSecret } from "../program/secrets";
import type { ApplyObject } from "../../components/shared/kubernetes/api-server";
import { RunnerError } from "./errors";
import type { Made, Making } from "./making";
import { applyObject, ownedFields } from "./objects";
import type { ObjectTarget } from "./record";

/** Milliseconds an object may take to become ready, unless its resource says otherwise. */
const defaultTimeoutMs = 5 * 60_000;

/** Applies a Kubernetes object and waits for it. */
export async function makeObject(making: Making): Promise<Made> {
  const { registration, host } = making;
  const server = await host.clusters.server(making.provider);
  const object = making.inputs as unknown as ApplyObject;
  const { apiVersion, kind, metadata: asked } = object;
  const name = asked?.name;
  if (name === undefined) {
    throw new RunnerError("metadata.name: expected a name; generated names are not supported here");
  }
  const target: ObjectTarget = { kind: "object", apiVersion, objectKind: kind, namespace: asked.namespace, name };
  const known = making.claim(target);
  const seconds = Number(asked.annotations?.["pulumi.com/timeoutSeconds"]);
  let foreign = known?.target.foreign === true;
  const { live, change } = await applyObject(server, object, {
    timeoutMs:
      making.timeout(known === undefined ? "create" : "update") ?? (seconds > 0 ? seconds * 1000 : defaultTimeoutMs),
    signal: host.signal,
    protect: registration.protect,
    onProgress: making.progress,
    beforeChange: (found) => {
      if (known !== undefined) return;
      foreign = found;
      making.intend({ ...target, ...(foreign && { foreign }) });
    },
  });
  const { namespace, uid } = live.metadata;
  const metadata = Object.fromEntries(Object.entries(live.metadata).filter(([key]) => key !== "managedFields"));
  const { data } = live as { readonly data?: unknown };
  const holdsSecrets = apiVersion === "v1" && kind === "Secret" && data !== undefined;
  return {
    id: namespace === undefined ? name : `${namespace}/${name}`,
    state: { ...live, metadata, ...(holdsSecrets && { data: asSecret(data) }) },
    change,
    fingerprint: host.vault.fingerprint(making.inputs),
    target: { ...target, namespace, uid, owned: ownedFields(live), ...(foreign && { foreign }) },
  };
}
