import { messageOf } from "../program/errors";
import { unwrapSecrets, type Registration, type ResourceHost } from "../program/run-program";
import type { ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { RunnerError, StoppedError } from "./errors";
import { makeCommand } from "./make-command";
import { makeObject } from "./make-object";
import { makeRelease } from "./make-release";
import { Making, type HostOptions, type Made } from "./making";
import { stableJson } from "./stable-json";

/**
 * Makes what a program asks for, with no Pulumi CLI: objects by server-side apply, releases by Helm, commands by
 * running them. Before something is made for the first time its intention is recorded, so that whatever a killed run
 * has left behind is known to the next one.
 */
export class EmbeddedHost implements ResourceHost {
  /** URNs the program has asked for in this run. */
  readonly registered = new Set<string>();

  constructor(private readonly options: HostOptions) {}

  async register(registration: Registration): Promise<{ id?: string; state: Record<string, unknown> }> {
    if (!registration.custom) {
      return { state: {} };
    }
    const { observer, record } = this.options;
    this.throwIfStopped();
    this.registered.add(registration.urn);
    const inputs = unwrapSecrets(registration.inputs) as Record<string, unknown>;
    const making = new Making(this.options, registration, inputs);
    observer.started(making.item);
    try {
      const { id, state, change, target, fingerprint } = await make(making);
      const entry = making.entry("done", target, fingerprint);
      if (stableJson(entry) !== stableJson({ ...making.recorded, sequence: undefined })) record.put(entry);
      observer.finished(making.item, change);
      return { id, state };
    } catch (error) {
      const failure = this.options.signal?.aborted === true ? new StoppedError() : error;
      observer.failed(making.item, messageOf(failure));
      throw failure;
    }
  }

  private throwIfStopped(): void {
    if (this.options.signal?.aborted === true) throw new StoppedError();
  }
}

async function make(making: Making): Promise<Made> {
  const { registration, inputs } = making;
  const { type } = registration;
  if (type === "command:local:Command") return makeCommand(making);
  if (registration.ignoreChanges.length > 0) {
    throw new RunnerError("ignoreChanges: not supported here, needs the Pulumi CLI");
  }
  if (type === "kubernetes:helm.sh/v3:Release") return makeRelease(making);
  if (type === "pulumi:providers:kubernetes") return makeProvider(making);
  const isObject = type.startsWith("kubernetes:") && !type.endsWith("Patch") && typeof inputs.apiVersion === "string";
  if (isObject && typeof inputs.kind === "string") return makeObject(making);
  throw new RunnerError(`type ${type}: not supported here, needs the Pulumi CLI`);
}

function makeProvider({ registration, inputs, host, recorded }: Making): Made {
  const { kubeconfig, context } = inputs;
  if (typeof kubeconfig !== "string" || kubeconfig === "") {
    throw new RunnerError("kubeconfig: expected one; without it the user's own current context would be used");
  }
  const access: ClusterAccess = { kubeconfig, ...(typeof context === "string" && { context }) };
  host.clusters.add(registration.urn, access);
  const fingerprint = host.vault.fingerprint(access);
  const same = recorded?.fingerprint === fingerprint;
  return {
    id: registration.name,
    state: {},
    change: same ? "unchanged" : recorded === undefined ? "created" : "updated",
    fingerprint,
    target: same ? recorded.target : { kind: "provider", sealed: host.vault.seal(access) },
  };
}
