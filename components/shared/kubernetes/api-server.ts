import type { IncomingMessage } from "node:http";
import https from "node:https";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { KubeConfig } from "@kubernetes/client-node" with { "resolution-mode": "import" };
import { parseJson } from "../json";
import { UserError } from "../problem";
import { ApiError, ifFound, UnknownKindError } from "./errors";
import type { ApplyObject, LiveObject, ObjectReference } from "./object";

export { ApiError, UnknownKindError } from "./errors";
export type { ApplyObject, LiveObject, ObjectReference } from "./object";

/** What reaches a cluster. Secret. */
export interface ClusterAccess {
  /** Text of a kubeconfig, or its path. */
  readonly kubeconfig: string;
  readonly context?: string;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Query = Readonly<Record<string, string>>;

interface RequestOptions {
  readonly query?: Query;
  readonly body?: unknown;
  /** @default application/json, where there is a body */
  readonly contentType?: string;
  /** @default 60,000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly resourceVersion: string };
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

type Kind = Pick<ObjectReference, "apiVersion" | "kind" | "namespace">;

const fieldManager = "talos-mesh";

/**
 * A client of a Kubernetes API server that sends and returns plain JSON. The typed client of `@kubernetes/client-node`
 * drops fields it does not know before it sends an object, so that strict validation would never see a misspelt one; its
 * KubeConfig is used, because it supports every way to log in.
 *
 * Every method rejects with ApiError, UnknownKindError, or the error of node:https where there is no response.
 */
export class ApiServer {
  private readonly kinds = new Map<string, readonly ApiResource[]>();

  private constructor(
    private readonly url: URL,
    private login: https.RequestOptions,
    private readonly config?: KubeConfig,
  ) {}

  static async open(access: ClusterAccess): Promise<ApiServer> {
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    const isText = /^\s*[{#]|\n|^apiVersion:/.test(access.kubeconfig);
    const name = isText ? "the kubeconfig" : `the kubeconfig ${access.kubeconfig}`;
    try {
      if (isText) config.loadFromString(access.kubeconfig);
      else config.loadFromFile(access.kubeconfig);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The parser's own message may repeat a token.
      throw new UserError(`${name} ${code === undefined ? "is not one" : `cannot be read (${code})`}`);
    }
    if (access.context !== undefined) config.setCurrentContext(access.context);
    const server = config.getCurrentCluster()?.server;
    if (server === undefined || !URL.canParse(server)) {
      const context = access.context ?? config.getCurrentContext();
      throw new UserError(`${name} has no usable context${context ? ` "${context}"` : ""}`);
    }
    return new ApiServer(new URL(server), await loginOf(config), config);
  }

  /** Without loading `@kubernetes/client-node` (half a second); `kubeConfig` is not available. Credentials are in PEM. */
  static withCertificate(url: string, credentials: Readonly<Record<"ca" | "cert" | "key", string>>): ApiServer {
    return new ApiServer(new URL(url), { ...credentials });
  }

  get address(): string {
    return this.url.origin;
  }

  get kubeConfig(): KubeConfig {
    if (this.config === undefined) throw new Error(`${this.address} was opened without a kubeconfig`);
    return this.config;
  }

  /** Whether it responds within 2 s, also with a refusal. */
  answers(): Promise<boolean> {
    return this.request("GET", "/readyz", { timeoutMs: 2000 }).then(
      () => true,
      (error: unknown) => error instanceof ApiError && error.status < 500,
    );
  }

  /** Milliseconds by which the server's clock is ahead of this machine's, to half a second. */
  async clockAhead(signal: AbortSignal): Promise<number> {
    const before = Date.now();
    const response = await this.open("GET", "/version", { signal });
    await text(response);
    // The header has whole seconds, rounded down.
    const ahead = Date.parse(response.headers.date ?? "") + 500 - (before + Date.now()) / 2;
    if (Number.isNaN(ahead)) throw new Error(`${this.address} does not tell the time`);
    return ahead;
  }

  /** Undefined where there is no such object, or no such kind. */
  get(reference: ObjectReference, signal?: AbortSignal): Promise<LiveObject | undefined> {
    const request = this.pathOf(reference, signal).then((path) => this.request("GET", path, { signal }));
    return ifFound(request as Promise<LiveObject>, undefined);
  }

  /** Objects of one kind, in one namespace or (undefined) in all. */
  async list(kind: Kind, query: Query = {}, signal?: AbortSignal): Promise<LiveObject[]> {
    const path = await this.collectionOf(kind, signal);
    const { items } = (await this.request("GET", path, { query, signal })) as { items: LiveObject[] };
    // Items of a list lack these two.
    return items.map((item) => ({ ...item, apiVersion: kind.apiVersion, kind: kind.kind }));
  }

  /** Server-side apply. Fields that the object's schema does not know are an error. */
  apply(object: ApplyObject, signal?: AbortSignal, manager = fieldManager): Promise<LiveObject> {
    return this.patch(object, { fieldManager: manager, fieldValidation: "Strict" }, signal);
  }

  /** What creating the object would result in, admission webhooks included; nothing is kept. */
  async dryRun(object: ApplyObject, signal?: AbortSignal): Promise<LiveObject> {
    const query = { dryRun: "All", fieldValidation: "Strict" };
    const path = await this.collectionOf({ ...object, ...object.metadata }, signal);
    return (await this.request("POST", path, { query, body: object, signal })) as LiveObject;
  }

  /** What applying the object would result in, by a manager that owns no field and so removes none; nothing is kept. */
  applied(object: ApplyObject, signal?: AbortSignal): Promise<LiveObject> {
    return this.patch(object, { fieldManager: `${fieldManager}-compare`, dryRun: "All" }, signal);
  }

  /** Creates an object, or replaces the one that has this `resourceVersion`: of several calls one succeeds, the others get 409. */
  async write(object: ApplyObject, resourceVersion?: string): Promise<LiveObject> {
    const reference = { ...object, ...object.metadata };
    const body = { ...object, metadata: { ...object.metadata, resourceVersion } };
    const isNew = resourceVersion === undefined;
    const path = isNew ? await this.collectionOf(reference) : await this.pathOf(reference);
    return (await this.request(isNew ? "POST" : "PUT", path, { body })) as LiveObject;
  }

  /** Requests the deletion of an object, and of what it owns after it; false where there was none. */
  delete(reference: ObjectReference, signal?: AbortSignal, options: DeleteOptions = {}): Promise<boolean> {
    // Not "Foreground": for a kind whose CRD is new, the garbage collector does that only after half a minute.
    const body = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background", ...options };
    const request = async () => {
      await this.request("DELETE", await this.pathOf(reference, signal), { body, signal });
      return true;
    };
    return ifFound(request(), false);
  }

  /** For what has no method of its own. @returns the response: parsed where it is JSON, else its text */
  request(method: Method, path: string, options: RequestOptions = {}): Promise<unknown> {
    return this.loggedIn(() => this.send(method, path, options));
  }

  /** A response that need not end, such as a log that is followed: until `signal` is aborted. */
  stream(path: string, query: Query, signal: AbortSignal): Promise<Readable> {
    return this.loggedIn(() => this.open("GET", path, { query, signal }));
  }

  private async loggedIn<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (this.config === undefined || !(error instanceof ApiError && error.status === 401)) throw error;
      // A token, or a login by a command, expires.
      this.login = await loginOf(this.config);
      return await request();
    }
  }

  private async patch(object: ApplyObject, query: Query, signal?: AbortSignal): Promise<LiveObject> {
    return (await this.request("PATCH", await this.pathOf({ ...object, ...object.metadata }, signal), {
      query: { ...query, force: "true" },
      body: object,
      contentType: "application/apply-patch+yaml",
      signal,
    })) as LiveObject;
  }

  private async pathOf(reference: ObjectReference, signal?: AbortSignal): Promise<string> {
    return `${await this.collectionOf(reference, signal)}/${encodeURIComponent(reference.name)}`;
  }

  private async collectionOf({ apiVersion, kind, namespace }: Kind, signal?: AbortSignal): Promise<string> {
    const resource = await this.discover({ apiVersion, kind }, signal);
    const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
    return `${groupPath(apiVersion)}${scope}/${resource.name}`;
  }

  // A missing kind is looked up every time, because its CRD may have been applied since.
  private async discover({ apiVersion, kind }: Kind, signal?: AbortSignal): Promise<ApiResource> {
    const find = () => this.kinds.get(apiVersion)?.find((each) => each.kind === kind && !each.name.includes("/"));
    const known = find();
    if (known) return known;
    const group = await ifFound(this.request("GET", groupPath(apiVersion), { signal }), { resources: [] });
    this.kinds.set(apiVersion, (group as { resources: ApiResource[] }).resources);
    const found = find();
    if (found === undefined) throw new UnknownKindError(`the API server has no kind ${kind} in ${apiVersion}`);
    return found;
  }

  private async send(method: Method, path: string, options: RequestOptions): Promise<unknown> {
    const { timeoutMs = 60_000, signal } = options;
    const deadline = AbortSignal.timeout(timeoutMs);
    const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    try {
      return parsed(await text(await this.open(method, path, { ...options, signal: either })));
    } catch (error) {
      if (error instanceof ApiError || !deadline.aborted) throw error;
      const message = `${this.address} did not respond within ${timeoutMs / 1000} s`;
      throw Object.assign(new Error(message), { code: "ETIMEDOUT" });
    }
  }

  private async open(
    method: Method,
    path: string,
    { query, body, contentType = "application/json", signal }: Omit<RequestOptions, "timeoutMs">,
  ): Promise<IncomingMessage> {
    const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`;
    const url = new URL(`${this.url.pathname.replace(/\/$/, "")}${path}${search}`, this.url);
    const content = body === undefined ? "" : JSON.stringify(body);
    // Node gives a DELETE no length of its own, and the server would take its body for the next request.
    const length = body !== undefined && { "content-type": contentType, "content-length": Buffer.byteLength(content) };
    const headers = { ...this.login.headers, accept: "application/json", ...length };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = https.request(url, { ...this.login, method, headers, signal }, resolve);
      request.on("error", reject).end(content);
    });
    const { statusCode: status = 0 } = response;
    if (status >= 200 && status < 300) return response;
    const answer = await text(response);
    throw new ApiError(status, messageOf(parsed(answer)) ?? `HTTP ${status}: ${answer.slice(0, 500)}`);
  }
}

async function loginOf(config: KubeConfig): Promise<https.RequestOptions> {
  const options: https.RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  return options;
}

function parsed(text: string): unknown {
  const value = parseJson(text);
  return value === undefined ? text : value;
}

function messageOf(content: unknown): string | undefined {
  const { message } = (content ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : undefined;
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
