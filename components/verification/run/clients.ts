import { isDeepStrictEqual } from "node:util";
import { ApiError, type LiveObject } from "../../shared/kubernetes/api-server";
import { isUnreachable } from "../../shared/kubernetes/errors";
import { managedBy, verificationManager } from "../../shared/kubernetes/object";
import type { Sleep } from "../../shared/kubernetes/wait";
import { own } from "../../shared/own";
import { messageOf, UserError } from "../../shared/problem";
import { strangerNamespaces } from "../access/clients";
import type { ProbeClient, ProbeTarget, Series } from "../probe";
import { isClientPod } from "./addresses";
import { adopterOf, selects } from "./adoption";
import {
  clientContainer,
  clientKey,
  ephemeralContainer,
  ephemeralSeconds,
  namespaceObjects,
  type PodOptions,
  priorityClass,
  strangerNamespace,
  strangerPod,
  witnessObjects,
  workloadPod,
} from "./client-objects";
import { ClientError, createClientPod, createPod, waitForPod } from "./client-pods";
import { type MeshPod, type VerificationCluster } from "./cluster";
import { type Placement, placementOf, templatePlacement } from "./placement";
import { explained } from "./refusals";
import { findWorkload, type RunNamespace, type RunPlan, type RunWorkload } from "./run-plan";

/** Where requests are sent from. */
export interface Client {
  readonly key: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Whether its sidecar records its requests. */
  readonly proxied: boolean;
}

/** A client, or why there is none. */
export type ClientState = Client | { readonly key: string; readonly unavailable: string };

export interface ClientContext {
  readonly cluster: VerificationCluster;
  readonly plan: RunPlan;
  /** Part of the names of what cannot be used twice. */
  readonly run: string;
  /** How long the run may take at most. */
  readonly seconds: number;
  /** What selects pods by their labels, by namespace. */
  readonly selecting: ReadonlyMap<string, readonly LiveObject[]>;
  /** Of the cluster. */
  readonly networkPolicies: readonly LiveObject[];
  /** What of an earlier run still exists, and why, by `Kind namespace/name`. */
  readonly stuck: ReadonlyMap<string, string>;
  readonly sleep: Sleep;
  readonly log: (line: string) => void;
  /** Gets what stays in the cluster. */
  readonly note: (line: string) => void;
}

export interface Clients {
  readonly clients: ReadonlyMap<string, ClientState>;
  /** Why there is no witness, by namespace. */
  readonly witnesses: ReadonlyMap<string, string>;
}

type Stranger = Exclude<ProbeClient, { kind: "workload" }>;
type Witness = Extract<ProbeTarget, { kind: "witness" }>;

/**
 * Creates every client that series need, and the witnesses that they send requests to, all at once, and waits for each. What
 * there cannot be has a reason.
 */
export async function createClients(context: ClientContext, series: readonly Series[]): Promise<Clients> {
  const wanted = new Map(series.map(({ client }) => [clientKey(client), client]));
  const targets = series.map(({ request }) => request.to).filter((to) => to.kind === "witness");
  const witnesses = new Map(targets.map((target) => [target.namespace, target]));
  const creator = await Creator.prepare(context);
  const [clients, failures] = await Promise.all([
    Promise.all(
      [...wanted].map(async ([key, client]): Promise<ClientState> => {
        const created = await reasonOr(
          client.kind === "workload" ? creator.workload(client) : creator.stranger(client),
        );
        return typeof created === "string" ? { key, unavailable: created } : { key, ...created };
      }),
    ),
    Promise.all(
      [...witnesses].map(async ([namespace, witness]) => {
        const created = await reasonOr(creator.witness(witness));
        return typeof created === "string" ? [[namespace, created] as const] : [];
      }),
    ),
  ]);
  return { clients: new Map(clients.map((state) => [state.key, state])), witnesses: new Map(failures.flat()) };
}

/** What was created, or why it could not be; an API server that does not answer is an error. */
async function reasonOr<T>(creation: Promise<T>): Promise<T | string> {
  try {
    return await creation;
  } catch (error) {
    if (error instanceof ClientError || (error instanceof ApiError && error.status < 500)) return error.message;
    throw error;
  }
}

class Creator {
  private readonly limitRanges = new Map<string, Promise<LiveObject[]>>();
  private readonly namespaces = new Map<string, Promise<void>>();

  private constructor(
    private readonly context: ClientContext,
    private readonly pods: readonly MeshPod[],
    private readonly secrets: ReadonlyMap<string, string>,
    private readonly priorityClassName: string | undefined,
  ) {}

  static async prepare(context: ClientContext): Promise<Creator> {
    const { cluster, plan, log } = context;
    const namespaces = new Set(plan.workloads.map(({ namespace }) => namespace));
    const secretOf = async (name: string) => [name, await cluster.pullSecret(name)] as const;
    // A login of some namespaces only cannot create one.
    const applied = cluster.apply(priorityClass).then(
      () => priorityClass.metadata.name,
      (error: unknown) => {
        if (isUnreachable(error)) throw error;
        log(`clients may preempt pods of a lower priority: no PriorityClass (${messageOf(error)})`);
        return undefined;
      },
    );
    const [pods, secrets, priorityClassName] = await Promise.all([
      Promise.all([...namespaces].map((namespace) => cluster.pods(namespace))),
      Promise.all(plan.pull.secrets.map(secretOf)),
      applied,
    ]);
    const found = new Map(secrets.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])));
    return new Creator(context, pods.flat(), found, priorityClassName);
  }

  async workload(client: ProbeClient & { kind: "workload" }): Promise<Omit<Client, "key">> {
    const { plan, log, selecting } = this.context;
    const key = clientKey(client);
    const workload = findWorkload(plan.workloads, key);
    if (!workload) throw new ClientError(`the plan has no workload ${key}`);
    const objects = selecting.get(workload.namespace) ?? [];
    const [pod] = this.podsOf(workload);
    const placement = pod?.placement ?? templatePlacement(workload, objects);
    if (placement?.hostNetwork) {
      throw new ClientError(
        "its pods have hostNetwork: true, so no proxy takes their traffic: they are outside the mesh",
      );
    }
    if (plan.clients === "ephemeral") return this.ephemeral(workload);
    const { injection, dataPlane } = this.namespaceOf(workload.namespace);
    const object = workloadPod(workload, injection, await this.optionsOf(workload.namespace, placement, workload));
    const adopter = adopterOf(object.metadata.labels ?? {}, objects);
    if (adopter === undefined) {
      const name = await createClientPod(this.context, object, dataPlane);
      return { namespace: workload.namespace, pod: name, container: clientContainer, proxied: dataPlane === "sidecar" };
    }
    if (plan.clients === "pods") {
      throw new ClientError(
        `a pod with the labels of ${key} cannot be created, because ${adopter}; set verification.clients: auto`,
      );
    }
    log(`${key}: the client is a container in one of its pods, because of a pod with its labels ${adopter}`);
    return this.ephemeral(workload);
  }

  async stranger(client: Stranger): Promise<Omit<Client, "key">> {
    const { kind } = client;
    const plane = kind === "stranger" ? client.dataPlane : "none";
    const namespace = strangerNamespace(client);
    await this.ownNamespace(namespace);
    const options = await this.optionsOf(namespace, this.anywhere);
    const name = await createClientPod(this.context, strangerPod(client, options), plane);
    return { namespace, pod: name, container: clientContainer, proxied: plane === "sidecar" };
  }

  /** Creates a namespace of ours once; any other exists. */
  private ownNamespace(name: string): Promise<void> {
    const found = this.namespaces.get(name) ?? this.createNamespace(name);
    this.namespaces.set(name, found);
    return found;
  }

  private async createNamespace(name: string): Promise<void> {
    const { cluster, plan, stuck } = this.context;
    const kind = (["sidecar", "ambient", "outside"] as const).find((each) => strangerNamespaces[each] === name);
    if (!kind) return;
    const why = stuck.get(`Namespace ${name}`);
    if (why !== undefined) throw new ClientError(`namespace ${name} of an earlier run is still being deleted: ${why}`);
    const found = await cluster.namespace(name);
    if (found && found.metadata.labels?.[managedBy] !== verificationManager) {
      throw new UserError(
        `namespace ${name} is not ours: it has no label ${managedBy}=${verificationManager}; ` +
          "the verification creates and deletes namespaces of this name: rename it",
      );
    }
    for (const object of namespaceObjects(name, plan.strangers[kind], this.secrets)) await cluster.apply(object);
  }

  async witness(target: Witness): Promise<void> {
    const { namespace } = target;
    const { dataPlane, injection } = this.namespaceOf(namespace);
    await this.ownNamespace(namespace);
    const { pod, service } = witnessObjects(target, injection, await this.optionsOf(namespace, this.anywhere));
    await this.context.cluster.apply(service);
    await createPod(this.context, pod, dataPlane);
  }

  /** On every node that takes pods of any workload. */
  private get anywhere(): Placement {
    const all = this.pods.flatMap(({ placement }) => placement.tolerations);
    const tolerations = [...new Map(all.map((each) => [JSON.stringify(each), each])).values()];
    return { ...placementOf(), tolerations };
  }

  private podsOf({ namespace, labels }: RunWorkload): MeshPod[] {
    return this.pods.filter(
      (pod) =>
        pod.namespace === namespace && !pod.ended && !isClientPod(pod) && selects({ matchLabels: labels }, pod.labels),
    );
  }

  private namespaceOf(name: string): RunNamespace {
    return own(this.context.plan.namespaces, name) ?? { dataPlane: "none", injection: {} };
  }

  private async optionsOf(namespace: string, placement?: Placement, workload?: RunWorkload): Promise<PodOptions> {
    const { cluster, plan, seconds } = this.context;
    const found = this.limitRanges.get(namespace) ?? cluster.limitRanges(namespace);
    this.limitRanges.set(namespace, found);
    // A pod that names secrets gets none of its service account's; a template does not have them yet.
    const ofAccount = workload && plan.pull.secrets.length > 0 ? await cluster.accountSecrets(workload) : [];
    const secrets = [...plan.pull.secrets, ...ofAccount];
    return {
      ...{ image: plan.image, pull: { ...plan.pull, secrets }, seconds, placement },
      ...{ limitRanges: await found, priorityClassName: this.priorityClassName },
    };
  }

  /** A container in a pod of the workload, of an earlier run where one still waits: none can be removed again. */
  private async ephemeral(workload: RunWorkload): Promise<Omit<Client, "key">> {
    const { cluster, run, plan, seconds, note } = this.context;
    const { namespace } = workload;
    const { dataPlane } = this.namespaceOf(namespace);
    const wanted = ephemeralContainer(run, plan);
    const hosts = this.podsOf(workload).filter((pod) => pod.ready && !pod.deleting);
    const waiting = (pod: MeshPod) =>
      pod.ephemeral.find(
        ({ image, command, startedAt }) =>
          startedAt !== undefined &&
          isDeepStrictEqual([image, command], [wanted.image, wanted.command]) &&
          Date.parse(startedAt) + 1000 * (ephemeralSeconds - seconds) > Date.now(),
      );
    const host = hosts.find(waiting) ?? hosts[0];
    if (!host) throw new ClientError("it has no ready pod for a client to be a container of");
    const found = waiting(host);
    const name = found?.name ?? wanted.name;
    if (!found) {
      await cluster.addEphemeralContainer(namespace, host.name, wanted).catch((error: unknown) => {
        if (isUnreachable(error)) throw error;
        const what = `a container in its pod ${namespace}/${host.name} was refused: ${messageOf(error)}`;
        throw new ClientError(explained(what, namespace), { cause: error });
      });
      await waitForPod(this.context, { namespace, name: host.name }, (pod) =>
        pod.running.includes(name) ? undefined : (pod.waiting.get(name) ?? "its container to run"),
      );
    }
    const all = host.ephemeral.length + (found ? 0 : 1);
    note(
      `Pod ${namespace}/${host.name} keeps ${all === 1 ? "a container" : `${all} containers`} of clients until it is deleted; ` +
        `${name} waits for the requests of later runs, a day at most`,
    );
    return { namespace, pod: host.name, container: name, proxied: dataPlane === "sidecar" };
  }
}
