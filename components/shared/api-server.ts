import https from "node:https";
import type { KubeConfig } from "@kubernetes/client-node" with { "resolution-mode": "import" };
import { ApiError, contentOf, type LiveObject, messageOf, type ObjectReference, UnknownKindError } from "./api-answer";
import type { KubernetesObject } from "./kubernetes-object";

export { ApiError, type LiveObject, type ObjectReference, UnknownKindError } from "./api-answer";

/** What reaches a cluster. Secret. */
export interface ClusterAccess {
  /** Text of a kubeconfig, or its path. */
  readonly kubeconfig: string;
  readonly context?: string;
}

interface Request {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface DeleteOptions {
  readonly propagationPolicy?: "Foreground" | "Background";
  readonly preconditions?: { readonly resourceVersion: string };
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const fieldManager = "talos-mesh";

/**
 * A Kubernetes API server, spoken to in plain JSON. The typed client of `@kubernetes/client-node` drops the fields it
 * does not know before it sends an object, so a misspelt one would vanish and strict validation never see it; its
 * KubeConfig is what knows every way to log in.
 */
export class ApiServer {
  private readonly kinds = new Map<string, readonly ApiResource[]>();

  private constructor(
    /** The login, for what is no request and answer: commands in pods. */
    readonly config: KubeConfig,
    private readonly server: URL,
    private options: https.RequestOptions,
  ) {}

  /** @throws Error when the kubeconfig cannot be used. */
  static async open(access: ClusterAccess): Promise<ApiServer> {
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    if (/^\s*[{#]|\n|^apiVersion:/.test(access.kubeconfig)) config.loadFromString(access.kubeconfig);
    else config.loadFromFile(access.kubeconfig);
    if (access.context !== undefined) config.setCurrentContext(access.context);
    const cluster = config.getCurrentCluster();
    if (cluster === null) {
      throw new Error(`the kubeconfig has no usable context "${config.getCurrentContext()}"`);
    }
    return new ApiServer(config, new URL(cluster.server), await login(config));
  }

  get address(): string {
    return this.server.origin;
  }

  /** Whether it answers within `timeoutMs`; any answer counts, also a refusal. */
  async answers(timeoutMs = 2000): Promise<boolean> {
    try {
      await this.send({ method: "GET", path: "/readyz", timeoutMs });
      return true;
    } catch (error) {
      return error instanceof ApiError && error.status < 500;
    }
  }

  async get(reference: ObjectReference, signal?: AbortSignal): Promise<LiveObject | undefined> {
    try {
      return (await this.send({ method: "GET", path: await this.pathOf(reference, signal), signal })) as LiveObject;
    } catch (error) {
      if (error instanceof UnknownKindError || (error instanceof ApiError && error.status === 404)) return undefined;
      throw error;
    }
  }

  /** Objects of one kind, in one namespace or (undefined) everywhere. */
  async list(
    kind: { readonly apiVersion: string; readonly kind: string; readonly namespace?: string },
    query: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<LiveObject[]> {
    const path = await this.collectionOf(kind, signal);
    return ((await this.send({ method: "GET", path, query, signal })) as { items: LiveObject[] }).items;
  }

  /** What a path answers, such as a kubelet's figures behind the API server. */
  read(path: string, signal?: AbortSignal): Promise<unknown> {
    return this.send({ method: "GET", path, signal });
  }

  /** Server-side apply. Fields that the object's schema does not know are an error. */
  apply(object: ApplyObject, signal?: AbortSignal, manager = fieldManager): Promise<LiveObject> {
    return this.patch(object, { fieldManager: manager, fieldValidation: "Strict" }, signal);
  }

  /**
   * What the API server and every webhook would make of an object; nothing is kept.
   *
   * @throws ApiError where one of them refuses it
   */
  async dryRun(object: ApplyObject, signal?: AbortSignal): Promise<LiveObject> {
    return (await this.send({
      method: "POST",
      path: await this.collectionOf({ ...object, ...object.metadata }, signal),
      query: { dryRun: "All", fieldValidation: "Strict" },
      body: object,
      contentType: "application/json",
      signal,
    })) as LiveObject;
  }

  /**
   * What an object would be after it is applied by a manager that owns nothing of it yet, so that nothing is taken away;
   * nothing is kept.
   *
   * @throws ApiError where the API server or a webhook refuses it
   */
  applied(object: ApplyObject, signal?: AbortSignal): Promise<LiveObject> {
    return this.patch(object, { fieldManager: `${fieldManager}-compare`, dryRun: "All" }, signal);
  }

  /**
   * Makes an object, or replaces the one that has this `resourceVersion`: of several who do so at once one succeeds.
   *
   * @throws ApiError 409 for the others
   */
  async write(object: ApplyObject, resourceVersion?: string): Promise<LiveObject> {
    const place = { ...object, ...object.metadata };
    return (await this.send({
      ...(resourceVersion === undefined
        ? { method: "POST", path: await this.collectionOf(place) }
        : { method: "PUT", path: await this.pathOf(place) }),
      body: { ...object, metadata: { ...object.metadata, resourceVersion } },
      contentType: "application/json",
    })) as LiveObject;
  }

  /** Asks for the deletion of an object, and by default of all that it owns first; true when there was one. */
  async delete(
    reference: ObjectReference,
    signal?: AbortSignal,
    options: DeleteOptions = { propagationPolicy: "Foreground" },
  ): Promise<boolean> {
    try {
      await this.send({
        method: "DELETE",
        path: await this.pathOf(reference, signal),
        body: { apiVersion: "v1", kind: "DeleteOptions", ...options },
        contentType: "application/json",
        signal,
      });
      return true;
    } catch (error) {
      if (error instanceof UnknownKindError || (error instanceof ApiError && error.status === 404)) return false;
      throw error;
    }
  }

  /** Whether objects of this kind stand in a namespace. */
  async isNamespaced(kind: { readonly apiVersion: string; readonly kind: string }): Promise<boolean> {
    return (await this.discover(kind)).namespaced;
  }

  private async patch(
    object: ApplyObject,
    query: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<LiveObject> {
    return (await this.send({
      method: "PATCH",
      path: await this.pathOf({ ...object, ...object.metadata }, signal),
      query: { ...query, force: "true" },
      body: object,
      contentType: "application/apply-patch+yaml",
      signal,
    })) as LiveObject;
  }

  private async pathOf(reference: ObjectReference, signal?: AbortSignal): Promise<string> {
    return `${await this.collectionOf(reference, signal)}/${encodeURIComponent(reference.name)}`;
  }

  private async collectionOf(
    { apiVersion, kind, namespace }: { apiVersion: string; kind: string; namespace?: string },
    signal?: AbortSignal,
  ): Promise<string> {
    const resource = await this.discover({ apiVersion, kind }, signal);
    const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
    return `${groupPath(apiVersion)}${scope}/${resource.name}`;
  }

  // Asked again while a kind is missing, because its CRD may have been made a moment ago.
  private async discover(
    { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
    signal?: AbortSignal,
  ): Promise<ApiResource> {
    const find = () => this.kinds.get(apiVersion)?.find((each) => each.kind === kind && !each.name.includes("/"));
    if (find() === undefined) {
      try {
        const listed = await this.send({ method: "GET", path: groupPath(apiVersion), signal });
        this.kinds.set(apiVersion, (listed as { resources: ApiResource[] }).resources);
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 404)) throw error;
      }
    }
    const found = find();
    if (found === undefined) throw new UnknownKindError(`the API server has no kind ${kind} in ${apiVersion}`);
    return found;
  }

  private async send(request: Request): Promise<unknown> {
    try {
      return await this.sendOnce(request);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      // A login by a command or a token has a limited life.
      this.options = await login(this.config);
      return await this.sendOnce(request);
    }
  }

  private sendOnce({ method, path, query, body, contentType, timeoutMs = 60_000, signal }: Request): Promise<unknown> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`;
    const base = this.server.pathname.replace(/\/$/, "");
    return new Promise((resolve, reject) => {
      const options: https.RequestOptions = {
        ...this.options,
        method,
        signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
        headers: {
          ...this.options.headers,
          accept: "application/json",
          ...(contentType !== undefined && { "content-type": contentType }),
        },
      };
      const sent = https.request(new URL(`${base}${path}${search}`, this.server), options, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => (text += part));
        answer.once("error", reject).once("end", () => {
          const status = answer.statusCode ?? 0;
          const content = contentOf(text);
          if (status >= 200 && status < 300) resolve(content);
          else reject(new ApiError(status, messageOf(content) ?? `HTTP ${status}: ${text.slice(0, 500)}`));
        });
      });
      sent.once("error", (error) =>
        reject(deadline.aborted ? noAnswer(`${this.address} gave no answer within ${timeoutMs / 1000} s`) : error),
      );
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

/** An object to apply. */
export type ApplyObject = KubernetesObject & Readonly<Record<string, unknown>>;

async function login(config: KubeConfig): Promise<https.RequestOptions> {
  const options: https.RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  return options;
}

/** With the code of a connection that is not answered. */
function noAnswer(message: string): Error {
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
