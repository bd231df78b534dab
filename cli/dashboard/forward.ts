import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { ApiError, ApiServer, type ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { type Pod, podsBehind } from "../../components/shared/kubernetes/pods";
import { openTunnel, type PodPort } from "../../components/shared/kubernetes/pod-streams";
import { messageOf, UserError } from "../../components/shared/problem";
import type { StackPage } from "./page";
import { secretText } from "../../components/shared/kubernetes/object";

/** Opens a port on the loopback interface, and forwards each connection to the destination until `close` ends them all. */
export async function forward(
  port: number,
  destination: { connect(socket: Socket): Promise<void> },
  onFailure: (message: string) => void,
) {
  const sockets = new Set<Socket>();
  // Half-open: a client that has sent all still waits for the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A browser that closes its connection is no failure.
    socket.on("error", () => socket.destroy());
    destination.connect(socket).catch((error: unknown) => {
      onFailure(messageOf(error));
      socket.destroy();
    });
  });
  await once(server.listen(port, "127.0.0.1"), "listening").catch((error: unknown) => {
    throw portProblem(error as NodeJS.ErrnoException, port);
  });
  // A connection that could not be accepted, for instance without a free file descriptor.
  server.on("error", (error) => onFailure(error.message));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function portProblem(error: NodeJS.ErrnoException, port: number): Error {
  const inUse = `Port ${port} of this machine is in use. Name another: --port ${port + 1}, or 0 for any.`;
  const noRights = `Port ${port} needs rights that you do not have. Name one above 1023: --port 8080.`;
  const problem = { EADDRINUSE: inUse, EACCES: noRights }[error.code ?? ""];
  return problem === undefined ? error : new UserError(problem);
}

/** The destination of a forwarded port. */
export class AddonInCluster {
  private target: PodPort | undefined;

  private constructor(
    private readonly server: ApiServer,
    private readonly page: StackPage,
    private readonly log: (line: string) => void,
  ) {}

  static async open(access: ClusterAccess, page: StackPage, log: (line: string) => void): Promise<AddonInCluster> {
    try {
      return new AddonInCluster(await ApiServer.open(access), page, log);
    } catch (error) {
      throw new UserError(`The stack's kubeconfig cannot be used: ${messageOf(error)}`, { cause: error });
    }
  }

  /** A pod that is ready; a UserError says why there is none. */
  async ready(): Promise<PodPort> {
    const { namespace, service, page } = this.page;
    const found = await this.requested(`Service ${service}`, () => podsBehind(this.server, this.page));
    if (!found) {
      throw new UserError(
        `${page} is not in the cluster: namespace ${namespace} has no Service ${service}. Deploy the stack again.`,
      );
    }
    if (!found.target) throw new UserError(`No pod of ${page} is ready. ${stateOf(found.pods, namespace)}`);
    return { namespace, ...found.target };
  }

  async connect(socket: Socket): Promise<void> {
    const known = this.target;
    if (known) {
      try {
        return await this.carry(socket, known);
      } catch {
        // It may be gone; another pod takes over.
        this.target = undefined;
      }
    }
    const target = await this.ready();
    if (known && known.pod !== target.pod) this.log(`Pod ${known.pod} is gone; continuing with ${target.pod}.`);
    await this.carry(socket, target);
    this.target = target;
  }

  private async carry(socket: Socket, target: PodPort): Promise<void> {
    try {
      await openTunnel(this.server, target, socket, { onComplaint: (line) => this.log(`Pod ${target.pod}: ${line}`) });
    } catch (error) {
      throw new UserError(`Pod ${target.pod} does not answer: ${messageOf(error)}`, { cause: error });
    }
  }

  /** The password of a Secret, or a token, as the page's login needs it; undefined where there is none. */
  async credential(): Promise<string | undefined> {
    const { login, namespace } = this.page;
    if (login.kind === "password") {
      const reference = { apiVersion: "v1", kind: "Secret", namespace, name: login.secret };
      const secret = await this.requested(`Secret ${login.secret}`, () => this.server.get(reference));
      return secretText(secret, login.key);
    }
    if (login.kind === "none") return undefined;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${login.serviceAccount}/token`;
    const spec = { audiences: [], expirationSeconds: 3600 };
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
    const answer = await this.requested(`a token of ${login.serviceAccount}`, () =>
      this.server.request("POST", path, { body }),
    );
    return (answer as { status?: { token?: string } } | undefined)?.status?.token;
  }

  /** Undefined where what was requested does not exist. */
  private async requested<T>(what: string, request: () => Promise<T>): Promise<T | undefined> {
    try {
      return await request();
    } catch (error) {
      const status = error instanceof ApiError ? error.status : undefined;
      if (status === 404) return undefined;
      const refused = status === 401 || status === 403;
      const [reason = ""] = messageOf(error).split("\n");
      const message = `refuses to give ${what} in ${this.page.namespace} (${status}).`;
      throw new UserError(`The API server ${refused ? message : `does not answer: ${reason}`}`, { cause: error });
    }
  }
}

function stateOf(pods: readonly Pod[], namespace: string): string {
  if (pods.length === 0) return `There is none; see \`kubectl -n ${namespace} get events\`.`;
  const states = pods.map(({ name, phase, waitingFor }) => `${name}: ${[...new Set([phase, waitingFor])].join(", ")}`);
  return `There ${pods.length === 1 ? "is" : "are"} ${states.join("; ")}. See \`kubectl -n ${namespace} describe pods\`.`;
}
