import type { Change, Item, RunObserver } from "../report/observer";
import { messageOf } from "../program/errors";
import { unwrapSecrets, type Registration, type ResourceHost } from "../program/run-program";
import { asSecret, mapLeaves } from "../program/secrets";
import type { ApplyObject } from "./api-server";
import type { Clusters } from "./clusters";
import { plan, runScript, type CommandInputs, type CommandOutputs, type RanCommand } from "./commands";
import { milliseconds } from "./duration";
import { RunnerError, StoppedError } from "./errors";
import { labelOf, layerOf } from "./naming";
import { applyObject, ownedFields } from "./objects";
import type { Entry, ObjectTarget, StackRecord, Target } from "./record";
import { chartContent, releaseInputs, revisionsOf } from "./releases";
import { stableJson } from "./stable-json";
import type { Vault } from "./vault";

export interface HostOptions {
  readonly projectRoot: string;
  readonly record: StackRecord;
  readonly vault: Vault;
  readonly clusters: Clusters;
  readonly observer: RunObserver;
  readonly signal?: AbortSignal;
}

interface Made {
  readonly id: string;
  readonly state: Record<string, unknown>;
  readonly change: Exclude<Change, "deleted">;
  readonly target: Target;
  readonly fingerprint?: string;
}

/** Milliseconds an object or a release may take unless its resource says otherwise. */
const defaultTimeoutMs = 5 * 60_000;

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
    if (!registration.custom) return { state: {} };
    if (hasStopped(this.options.signal)) throw new StoppedError();
    const { observer, record } = this.options;
    this.registered.add(registration.urn);
    const inputs = unwrapSecrets(registration.inputs) as Record<string, unknown>;
    const item = itemOf(registration, inputs);
    observer.started(item);
    try {
      const made = await this.make(registration, inputs, item);
      const entry = this.entry(registration, "done", made.target, made.fingerprint);
      if (!sameEntry(entry, record.get(registration.urn))) record.put(entry);
      observer.finished(item, made.change);
      return { id: made.id, state: made.state };
    } catch (error) {
      const failure = hasStopped(this.options.signal) ? new StoppedError() : error;
      observer.failed(item, messageOf(failure));
      throw failure;
    }
  }

  private make(registration: Registration, inputs: Record<string, unknown>, item: Item): Promise<Made> {
    const { type } = registration;
    if (registration.ignoreChanges.length > 0)
      throw new RunnerError("ignoreChanges: not supported here, needs the Pulumi CLI");
    if (type === "command:local:Command") return this.command(registration, inputs, item);
    if (type === "pulumi:providers:kubernetes") return Promise.resolve(this.provider(registration, inputs));
    if (type === "kubernetes:helm.sh/v3:Release") return this.release(registration, inputs, item);
    if (type.startsWith("pulumi:providers:")) {
      return Promise.resolve({
        id: "none",
        state: {},
        change: "unchanged",
        target: this.sealedAccess({ kubeconfig: "" }),
      });
    }
    const isObject = type.startsWith("kubernetes:") && typeof inputs.kind === "string" && !type.endsWith("Patch");
    if (isObject && typeof inputs.apiVersion === "string") return this.object(registration, inputs, item);
    throw new RunnerError(`type ${type}: not supported here, needs the Pulumi CLI`);
  }

  private provider(registration: Registration, inputs: Record<string, unknown>): Made {
    const { kubeconfig, context } = inputs;
    if (typeof kubeconfig !== "string" || kubeconfig === "") {
      throw new RunnerError(
        "kubeconfig: expected a kubeconfig; without one the user's own current context would be used",
      );
    }
    const access = { kubeconfig, ...(typeof context === "string" && { context }) };
    this.options.clusters.add(registration.urn, access);
    const fingerprint = this.options.vault.fingerprint(access);
    const last = this.options.record.get(registration.urn);
    const same = last?.fingerprint === fingerprint;
    const change = same ? "unchanged" : last === undefined ? "created" : "updated";
    return {
      id: registration.name,
      state: {},
      change,
      fingerprint,
      target: same ? last.target : this.sealedAccess(access),
    };
  }

  private async command(registration: Registration, given: Record<string, unknown>, item: Item): Promise<Made> {
    const { vault, record, projectRoot, signal, observer } = this.options;
    const unsupported = ["assetPaths", "archivePaths"].filter((key) => given[key] !== undefined);
    if (unsupported.length > 0)
      throw new RunnerError(`${unsupported.join(", ")}: not supported here, needs the Pulumi CLI`);
    const inputs = given as CommandInputs;
    const fingerprint = vault.fingerprint(inputs);
    const entry = record.get(registration.urn);
    const last = entry?.status === "done" ? ranCommand(entry, vault) : undefined;
    const todo = plan(inputs, last?.inputs, entry?.fingerprint === fingerprint);
    const target = (outputs: CommandOutputs): Target => ({ kind: "command", sealed: vault.seal({ inputs, outputs }) });
    const made = (outputs: CommandOutputs, change: Made["change"]): Made => ({
      id: registration.name,
      state: { ...registration.inputs, ...outputs },
      change,
      fingerprint,
      target: change === "unchanged" && entry !== undefined ? entry.target : target(outputs),
    });
    if (last !== undefined && todo === "nothing") return made(last.outputs, "unchanged");

    // A first run that is killed may have made something already: what deletes it must be known before.
    if (last === undefined) record.put(this.entry(registration, "intended", target({ stdout: "", stderr: "" })));
    const run = (script: string | undefined, by: CommandInputs, previous?: CommandOutputs) =>
      script === undefined
        ? Promise.resolve(previous ?? { stdout: "", stderr: "" })
        : runScript(script, by, {
            cwd: projectRoot,
            timeoutMs: this.timeout(registration, last === undefined ? "create" : "update"),
            signal,
            previous,
            secretOutput: registration.additionalSecretOutputs.includes("stdout") || holdsSecret(registration.inputs),
            onLine: (line) => observer.progressed(item, line),
          });
    if (last !== undefined && todo === "update") {
      return made(await run(inputs.update ?? inputs.create, inputs, last.outputs), "updated");
    }
    if (last !== undefined && registration.deleteBeforeReplace === true)
      await run(last.inputs.delete, last.inputs, last.outputs);
    const outputs = await run(inputs.create, inputs);
    if (last !== undefined && registration.deleteBeforeReplace !== true)
      await run(last.inputs.delete, last.inputs, last.outputs);
    return made(outputs, last === undefined ? "created" : "replaced");
  }

  private async object(registration: Registration, inputs: Record<string, unknown>, item: Item): Promise<Made> {
    const { record, vault, observer, signal } = this.options;
    const provider = providerUrn(registration);
    const server = await this.options.clusters.server(provider);
    const object = inputs as unknown as ApplyObject;
    const name = object.metadata?.name;
    if (name === undefined)
      throw new RunnerError("metadata.name: expected a name; generated names are not supported here");
    const { apiVersion, kind } = object;
    const before: Entry | undefined = record.get(registration.urn);
    const target: ObjectTarget = {
      kind: "object",
      apiVersion,
      objectKind: kind,
      namespace: object.metadata.namespace,
      name,
    };
    const known = before?.target.kind === "object" && sameTarget(before.target, target) ? before.target : undefined;
    if (before !== undefined && known === undefined) record.setAside(before);

    let foreign = known?.foreign ?? false;
    const { live, change } = await applyObject(server, object, {
      timeoutMs: this.objectTimeout(registration, object, before === undefined ? "create" : "update"),
      signal,
      protect: registration.protect,
      onProgress: (text) => observer.progressed(item, text),
      beforeChange: (found) => {
        if (known !== undefined) return;
        foreign = found;
        record.put(this.entry(registration, "intended", { ...target, foreign }));
      },
    });
    const { managedFields: _, ...metadata } = live.metadata;
    const secret = apiVersion === "v1" && kind === "Secret";
    const data = (live as { data?: unknown }).data;
    return {
      id: metadata.namespace === undefined ? name : `${metadata.namespace}/${name}`,
      state: { ...live, metadata, ...(secret && data !== undefined && { data: asSecret(data) }) },
      change,
      fingerprint: vault.fingerprint(inputs),
      target: {
        ...target,
        namespace: metadata.namespace,
        uid: metadata.uid,
        owned: ownedFields(live),
        ...(foreign && { foreign }),
      },
    };
  }

  private async release(registration: Registration, given: Record<string, unknown>, item: Item): Promise<Made> {
    const { record, vault, observer, signal, projectRoot, clusters } = this.options;
    const provider = providerUrn(registration);
    const server = await clusters.server(provider);
    const inputs = releaseInputs(given, { name: registration.name });
    const fingerprint = vault.fingerprint({ inputs, content: chartContent(inputs.chart, projectRoot) });
    const timeout = inputs.timeout ?? defaultTimeoutMs / 1000;
    const target: Target = { kind: "release", name: inputs.name, namespace: inputs.namespace, timeout };

    const before = record.get(registration.urn);
    const known = before?.target.kind === "release" && sameTarget(before.target, target) ? before : undefined;
    if (before !== undefined && known === undefined) record.setAside(before);
    const current = (await revisionsOf(server, inputs, signal)).at(-1);
    const same = known?.status === "done" && known.fingerprint === fingerprint && current?.status === "deployed";
    let change: Made["change"] = "unchanged";
    if (!same) {
      if (known === undefined) record.put(this.entry(registration, "intended", target));
      const helm = await clusters.helm(provider);
      change = await helm.upgrade(server, inputs, {
        cwd: projectRoot,
        timeoutMs: this.timeout(registration, "create") ?? (timeout + 60) * 1000,
        signal,
        onProgress: (text) => observer.progressed(item, text),
      });
    }
    const revision = same ? current : (await revisionsOf(server, inputs, signal)).at(-1);
    const { name, namespace, version = "" } = inputs;
    const status = { name, namespace, version, chart: inputs.chart, ...revision };
    return {
      id: `${namespace}/${name}`,
      state: { ...registration.inputs, name, namespace, status },
      change,
      fingerprint,
      target,
    };
  }

  private entry(
    registration: Registration,
    status: Entry["status"],
    target: Target,
    fingerprint?: string,
  ): Omit<Entry, "sequence"> {
    const { urn, type, name, dependencies, parent, deletedWith } = registration;
    return {
      urn,
      type,
      name,
      layer: layerOf(urn),
      status,
      fingerprint,
      dependencies,
      parent,
      provider: providerUrn(registration),
      deletedWith,
      ...(registration.protect && { protect: true }),
      ...(registration.retainOnDelete && { retainOnDelete: true }),
      target,
    };
  }

  private sealedAccess(access: { readonly kubeconfig: string }): Target {
    return { kind: "provider", sealed: this.options.vault.seal(access) };
  }

  private timeout(registration: Registration, step: "create" | "update"): number | undefined {
    const given = registration.customTimeouts?.[step];
    return given === undefined ? undefined : milliseconds(given);
  }

  private objectTimeout(registration: Registration, object: ApplyObject, step: "create" | "update"): number {
    const seconds = Number(object.metadata.annotations?.["pulumi.com/timeoutSeconds"]);
    return this.timeout(registration, step) ?? (seconds > 0 ? seconds * 1000 : defaultTimeoutMs);
  }
}

/** What is known of a command's last success; undefined when its record cannot be opened. */
export function ranCommand(entry: Entry, vault: Vault): RanCommand | undefined {
  return entry.target.kind === "command" ? (vault.unseal(entry.target.sealed) as RanCommand | undefined) : undefined;
}

/** Whether two records name the same thing outside. */
export function sameTarget(a: Target, b: Target): boolean {
  if (a.kind === "object" && b.kind === "object") {
    const group = (target: ObjectTarget) => target.apiVersion.replace(/\/?v[^/]*$/, "");
    // A namespace left out is filled in by the API server, so it is not another one.
    const sameNamespace = a.namespace === b.namespace || a.namespace === undefined || b.namespace === undefined;
    return group(a) === group(b) && a.objectKind === b.objectKind && a.name === b.name && sameNamespace;
  }
  return a.kind === "release" && b.kind === "release" && a.name === b.name && a.namespace === b.namespace;
}

function hasStopped(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function itemOf(registration: Registration, inputs: Record<string, unknown>): Item {
  return { layer: layerOf(registration.urn), label: labelOf(registration, inputs) };
}

/** The provider's URN, without the ID that the SDK appends. */
function providerUrn({ provider }: Registration): string | undefined {
  return provider === undefined ? undefined : provider.split("::").slice(0, 4).join("::");
}

function sameEntry(entry: Omit<Entry, "sequence">, recorded: Entry | undefined): boolean {
  if (recorded === undefined) return false;
  const { sequence: _, ...rest } = recorded;
  return stableJson(entry) === stableJson(rest);
}

function holdsSecret(inputs: Record<string, unknown>): boolean {
  let found = false;
  mapLeaves(inputs, (leaf, _path, secret) => {
    found ||= secret;
    return leaf;
  });
  return found;
}
