import type { EngineRun, Change, Item } from "../../cli/engine/engine";
import { releaseType } from "../../components/shared/kubernetes/helm-records";
import { milliseconds } from "../../components/shared/duration";
import { readIfExists } from "../../components/shared/files";
import { ApiServer, type ApplyObject, type LiveObject } from "../../components/shared/kubernetes/api-server";
import type { HelmRevision } from "../../components/shared/kubernetes/helm-records";
import type { CommandOutput } from "../../components/shared/run-command";
import { ensureTools } from "../tools/ensure-tools";
import { messageOf, UserError } from "../../components/shared/problem";
import { unwrapSecrets, type Registration, type ResourceHost } from "../program/run-program";
import { asSecret, someLeaf } from "../program/secrets";
import { commandInputs, runScript } from "./commands";
import { commandType, inputDigest, labelOf, layerOf, timestamp } from "./naming";
import { applyObject } from "./objects";
import { objectKey, releaseKey, stoppedMessage } from "./prune";
import type { Records } from "./records";
import { Helm, isDeployed, latestRevision, releaseInputs, type ReleaseInputs } from "./releases";
import { stackFolder } from "./stack-folder";

type HostOptions = Omit<EngineRun, "configFile" | "yes"> & Readonly<{ records: Records; kubeconfig: string }>;

type Deployed = Readonly<{ id: string; state: Record<string, unknown>; change: Exclude<Change, "deleted"> }>;

interface Deployment {
  readonly registration: Registration;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly item: Item;
  readonly onProgress: (text: string) => void;
}

/** Milliseconds that an object may take to become ready, unless its resource has a timeout. */
const defaultTimeoutMs = 5 * 60_000;

/** Deploys the resources of a program: objects by server-side apply, releases by Helm, commands by running them. */
export class EmbeddedHost implements ResourceHost {
  /** Keys of all that was registered in this run; see `Owned`. */
  readonly registered = new Set<string>();
  private connected: ApiServer | undefined;
  private helmOfRun: Promise<Helm> | undefined;
  private readonly kubeconfigBefore: string | undefined;

  constructor(private readonly options: HostOptions) {
    this.kubeconfigBefore = readIfExists(options.kubeconfig);
  }

  get server(): ApiServer {
    if (this.connected) return this.connected;
    throw new UserError("has no provider, so it is unknown which cluster it belongs to");
  }

  async register(registration: Registration): Promise<{ id?: string; state: Record<string, unknown> }> {
    if (!registration.custom) return { state: {} };
    const { observer } = this.options;
    this.options.signal?.throwIfAborted();
    const inputs = unwrapSecrets(registration.inputs) as Record<string, unknown>;
    const item = { layer: layerOf(registration.urn), label: labelOf(registration, inputs) };
    const onProgress = (text: string) => observer.progressed(item, text);
    observer.started(item);
    try {
      const { change, ...result } = await this.deploy({ registration, inputs, item, onProgress });
      observer.finished(item, change);
      return result;
    } catch (error) {
      const failure = this.options.signal?.aborted === true ? new UserError(stoppedMessage, { cause: error }) : error;
      observer.failed(item, messageOf(failure));
      throw failure;
    }
  }

  /** Looked up once in a run: finding a program starts it, to read its version. */
  helm(): Promise<Helm> {
    const { onTool: progress, signal, projectRoot, stack, kubeconfig } = this.options;
    const folders = { projectRoot, home: stackFolder(projectRoot, stack).helm, kubeconfig };
    this.helmOfRun ??= ensureTools(["helm"], { progress, signal }).then(({ helm }) => new Helm(helm, folders));
    return this.helmOfRun;
  }

  private deploy(deployment: Deployment): Promise<Deployed> {
    const { registration, inputs } = deployment;
    const { type, ignoreChanges } = registration;
    if (ignoreChanges.length > 0) throw new UserError("ignoreChanges: not supported here, needs the Pulumi CLI");
    if (type === commandType) return this.command(deployment);
    if (type === releaseType) return this.release(deployment);
    if (type === "pulumi:providers:kubernetes") return this.provider(deployment);
    const isObject = type.startsWith("kubernetes:") && !type.endsWith("Patch") && typeof inputs.apiVersion === "string";
    if (isObject && typeof inputs.kind === "string") return this.object(deployment);
    throw new UserError(`type ${type}: not supported here, needs the Pulumi CLI`);
  }

  /** The one cluster of the stack: the one whose command wrote the kubeconfig. */
  private async provider({ registration, inputs }: Deployment): Promise<Deployed> {
    const kubeconfig = readIfExists(this.options.kubeconfig);
    // A Command's output has no newline at its end.
    if (kubeconfig === undefined || String(inputs.kubeconfig).trim() !== kubeconfig.trim()) {
      throw new UserError("kubeconfig: expected the one of this stack's embedded cluster");
    }
    this.connected = await ApiServer.open({ kubeconfig });
    await this.options.records.connect(this.connected, this.options.signal);
    const before = this.kubeconfigBefore;
    const change = before === undefined ? "created" : before === kubeconfig ? "unchanged" : "updated";
    return { id: registration.name, state: {}, change };
  }

  private async object({ registration, inputs, item, onProgress }: Deployment): Promise<Deployed> {
    const object = inputs as unknown as ApplyObject;
    const { apiVersion, kind, metadata } = object;
    if (metadata?.name === undefined) {
      throw new UserError("metadata.name: expected a name; generated names are not supported here");
    }
    const { stack, signal } = this.options;
    const seconds = Number(metadata.annotations?.["pulumi.com/timeoutSeconds"]);
    const timeoutMs = timeoutOf(registration) ?? (seconds > 0 ? seconds * 1000 : defaultTimeoutMs);
    const options = { stack, layer: item.layer, timeoutMs, signal, onProgress };
    await this.options.records.change(
      ({ kinds }) => kinds.includes(`${apiVersion} ${kind}`) || kinds.push(`${apiVersion} ${kind}`),
    );
    const { live, change } = await applyObject(this.server, object, options);
    const { namespace, name } = live.metadata;
    this.registered.add(objectKey({ apiVersion, kind, namespace, name }));
    return { id: namespace === undefined ? name : `${namespace}/${name}`, state: objectState(live), change };
  }

  private async release({ registration, inputs, item, onProgress }: Deployment): Promise<Deployed> {
    const { stack, signal } = this.options;
    const release = releaseInputs(inputs, registration);
    this.registered.add(releaseKey(release));
    let revision = await latestRevision(this.server, release, signal);
    let change: Deployed["change"] = "unchanged";
    if (!isDeployed(revision, release)) {
      const helm = await this.helm();
      change = await helm.upgrade(this.server, release, { stack, layer: item.layer, signal, onProgress });
      revision = await latestRevision(this.server, release, signal);
    }
    const id = `${release.namespace}/${release.name}`;
    return { id, state: releaseState(registration, release, revision), change };
  }

  /** Runs a command again only where its inputs have changed since its last success. */
  private async command({ registration, inputs: raw, item, onProgress }: Deployment): Promise<Deployed> {
    const { records, projectRoot, signal } = this.options;
    const { urn, name: id } = registration;
    this.registered.add(urn);
    const inputs = commandInputs(raw);
    const digest = inputDigest(inputs);
    const last = records.command(urn);
    const deployed = (output: CommandOutput, change: Deployed["change"]) => {
      return { id, state: { ...registration.inputs, ...output }, change };
    };
    if (last?.digest === digest) return deployed(last.output, "unchanged");

    const script = (last && inputs.update) ?? inputs.create;
    const hasSecret = someLeaf(registration.inputs, (_leaf, secret) => secret);
    const secretOutput = hasSecret || registration.additionalSecretOutputs.includes("stdout");
    const options = { cwd: projectRoot, timeoutMs: timeoutOf(registration), signal, previous: last?.output };
    const output =
      script === undefined
        ? (last?.output ?? { stdout: "", stderr: "" })
        : await runScript(script, inputs, { ...options, secretOutput, onLine: onProgress });
    const deletion = inputs.delete === undefined ? undefined : inputs;
    const record = { label: item.label, digest, output, deletion, createdAt: last?.createdAt ?? timestamp() };
    await records.change(({ commands }) => Object.assign(commands, { [urn]: record }));
    // The records of a cluster that was stopped are not known before its command has run.
    const existed = last !== undefined || (this.connected === undefined && this.kubeconfigBefore !== undefined);
    return deployed(output, existed ? "updated" : "created");
  }
}

/** An object as a resource's outputs: as under the Pulumi CLI, the data of a Secret is secret. */
export function objectState(live: LiveObject): Record<string, unknown> {
  const { apiVersion, kind, data } = live as LiveObject & { readonly data?: unknown };
  const isSecret = apiVersion === "v1" && kind === "Secret" && data !== undefined;
  return { ...live, ...(isSecret && { data: asSecret(data) }) };
}

export function releaseState(
  { inputs }: Registration,
  { name, namespace, chart, version = "" }: ReleaseInputs,
  found: HelmRevision | undefined,
): Record<string, unknown> {
  const { revision = 0, status = "" } = found ?? {};
  return { ...inputs, name, namespace, status: { name, namespace, chart, version, revision, status } };
}

function timeoutOf({ customTimeouts: { create, update } = {} }: Registration): number | undefined {
  const given = create ?? update;
  return given === undefined ? undefined : milliseconds(given);
}
