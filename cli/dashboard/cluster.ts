import type { Socket } from "node:net";
import { Writable } from "node:stream";
import type * as client from "@kubernetes/client-node" with { "resolution-mode": "import" };
import type { ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { UserError } from "../../embedded/program/errors";
import type { Destination } from "./forward";
import type { StackPage } from "./page";

/** A pod that answers, and its port. */
interface Target {
  readonly pod: string;
  readonly port: number;
}

/** A WebSocket to a pod, as far as it is used here. */
interface Tunnel {
  onclose: () => void;
  onerror: () => void;
  close(): void;
}

/** How long a token for a login holds, in seconds. */
const tokenLifetime = 3600;

/** An addon in its cluster. */
export class AddonInCluster implements Destination {
  private target: Target | undefined;

  private constructor(
    private readonly api: client.CoreV1Api,
    private readonly tunnel: client.PortForward,
    private readonly page: StackPage,
    /** Told what happens to connections, in words for people. */
    private readonly tell: (message: string) => void,
  ) {}

  /** @throws UserError where the kubeconfig cannot be used */
  static async open(access: ClusterAccess, page: StackPage, tell: (message: string) => void): Promise<AddonInCluster> {
    const { CoreV1Api, KubeConfig, PortForward } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    try {
      config.loadFromString(access.kubeconfig);
      if (access.context !== undefined) config.setCurrentContext(access.context);
      return new AddonInCluster(config.makeApiClient(CoreV1Api), new PortForward(config), page, tell);
    } catch (error) {
      throw new UserError(`The stack's kubeconfig cannot be used: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * Finds a pod that answers.
   *
   * @throws UserError that says why there is none
   */
  async ready(): Promise<Target> {
    const { namespace, service: name, page, port } = this.page;
    const service = await this.asked(`Service ${name}`, () => this.api.readNamespacedService({ name, namespace }));
    if (!service) {
      throw new UserError(
        `${page} is not in the cluster: namespace ${namespace} has no Service ${name}. Deploy the stack again.`,
      );
    }
    const labelSelector = Object.entries(service.spec?.selector ?? {})
      .map(([label, value]) => `${label}=${value}`)
      .join(",");
    const pods = await this.asked("pods", () => this.api.listNamespacedPod({ namespace, labelSelector }));
    const all = pods?.items ?? [];
    const pod = all.find(isReady);
    if (!pod) throw new UserError(`No pod of ${page} is ready. ${stateOf(all, namespace)}`);
    const wanted = service.spec?.ports?.find((each) => each.port === port)?.targetPort ?? port;
    return { pod: pod.metadata?.name ?? "", port: containerPort(pod, wanted) ?? port };
  }

  async connect(socket: Socket): Promise<void> {
    const known = this.target;
    if (known) {
      try {
        return await this.carry(socket, known);
      } catch {
        // It may be gone; whoever answers now takes over.
        this.target = undefined;
      }
    }
    const target = await this.ready();
    if (known && known.pod !== target.pod) this.tell(`Pod ${known.pod} is gone; going on with ${target.pod}.`);
    await this.carry(socket, target);
    this.target = target;
  }

  private async carry(socket: Socket, { pod, port }: Target): Promise<void> {
    // What the node says where the pod refuses: nothing listens on the port, for instance.
    const complaints = new Writable({
      write: (chunk: Buffer, _, done) => {
        // Each stream begins with an empty message.
        if (chunk.length > 0) this.tell(`Pod ${pod}: ${chunk.toString().trim()}`);
        done();
      },
    });
    // The client's types name a package whose own types are not installed.
    const opened: unknown = await this.tunnel
      .portForward(this.page.namespace, pod, [port], socket, complaints, socket)
      .catch((error: unknown) => {
        // A WebSocket fails with an event, which is no Error and has a message all the same.
        throw new UserError(
          `Pod ${pod} does not answer: ${(error as { message?: string }).message ?? "no connection"}`,
        );
      });
    const tunnel = opened as Tunnel;
    tunnel.onclose = () => socket.end();
    tunnel.onerror = () => socket.destroy();
    socket.once("close", () => tunnel.close());
  }

  /** The password of a Secret, or a token, as the page's login needs it; undefined where there is none. */
  async credential(): Promise<string | undefined> {
    const { login, namespace } = this.page;
    switch (login.kind) {
      case "none":
        return undefined;
      case "password": {
        const read = () => this.api.readNamespacedSecret({ name: login.secret, namespace });
        const text = (await this.asked(`Secret ${login.secret}`, read))?.data?.[login.key];
        return text === undefined ? undefined : Buffer.from(text, "base64").toString();
      }
      case "token": {
        const body = { spec: { audiences: [], expirationSeconds: tokenLifetime } };
        const make = () =>
          this.api.createNamespacedServiceAccountToken({ name: login.serviceAccount, namespace, body });
        return (await this.asked(`a token of ${login.serviceAccount}`, make))?.status?.token;
      }
    }
  }

  /** An answer of the API server; undefined where what was asked for is not there. */
  private async asked<T>(what: string, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      const { code, message } = error as { code?: number | string; message?: string };
      if (code === 404) return undefined;
      if (code === 401 || code === 403) {
        throw new UserError(`The API server refuses to give ${what} in ${this.page.namespace} (${code}).`, {
          cause: error,
        });
      }
      const why = (message ?? String(error)).split("\n")[0] ?? "";
      throw new UserError(`The API server does not answer: ${why}`, { cause: error });
    }
  }
}

function isReady({ metadata, status }: client.V1Pod): boolean {
  const ready = status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True");
  return ready === true && metadata?.deletionTimestamp === undefined;
}

/** A Service may name the port of its pods' containers. */
function containerPort(pod: client.V1Pod, wanted: client.IntOrString): number | undefined {
  if (typeof wanted === "number") return wanted;
  return pod.spec?.containers.flatMap(({ ports }) => ports ?? []).find(({ name }) => name === wanted)?.containerPort;
}

function stateOf(pods: readonly client.V1Pod[], namespace: string): string {
  if (pods.length === 0) return `There is none; see \`kubectl -n ${namespace} get events\`.`;
  const states = pods.map(({ metadata, status }) => {
    const waiting = status?.containerStatuses?.flatMap(({ state }) => state?.waiting?.reason ?? []) ?? [];
    return `${metadata?.name ?? ""}: ${[status?.phase ?? "Unknown", ...waiting].join(", ")}`;
  });
  return `There ${pods.length === 1 ? "is" : "are"} ${states.join("; ")}. See \`kubectl -n ${namespace} describe pods\`.`;
}
