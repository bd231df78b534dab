import type { ApiServer } from "../../components/shared/kubernetes/api-server";
import { whenAvailable } from "../../components/shared/kubernetes/wait";
import type { CommandOutput } from "../../components/shared/run-command";
import type { CommandInputs } from "./commands";
import { stackMark } from "./naming";
import { own } from "../../components/shared/own";

export interface CommandRecord {
  readonly label: string;
  readonly digest: string;
  readonly output: CommandOutput;
  /** The inputs for its `delete` script, where it has one. */
  readonly deletion?: CommandInputs;
  readonly createdAt: string;
}

interface Content {
  readonly commands: Record<string, CommandRecord>;
  /** `<apiVersion> <kind>` of all objects that were ever deployed, so that it is known where to look for them. */
  readonly kinds: string[];
  /** Of the last complete run: outputs, secrets as `[secret]`, and the URNs of all resources. */
  run?: { readonly outputs: Readonly<Record<string, unknown>>; readonly urns: readonly string[] };
}

/** What the next run has to know, in a Secret of the stack's cluster: it is deleted with it, and no file has secrets in it. */
export class Records {
  content: Content = { commands: {}, kinds: [] };
  private server: ApiServer | undefined;
  private lastWrite: Promise<unknown> = Promise.resolve();

  constructor(private readonly stack: string) {}

  async read(server: ApiServer, signal?: AbortSignal): Promise<void> {
    const secret = await whenAvailable(() => server.get(this.reference, signal), { signal });
    const { content } = (secret as { data?: { content?: string } } | undefined)?.data ?? {};
    if (content !== undefined) this.content = JSON.parse(Buffer.from(content, "base64").toString("utf8")) as Content;
  }

  /** Reads the records of the cluster, adds those of commands that have run before, and keeps later changes. */
  async connect(server: ApiServer, signal?: AbortSignal): Promise<void> {
    const { commands } = this.content;
    this.content = { commands: {}, kinds: [] };
    await this.read(server, signal);
    this.server = server;
    await this.change(({ commands: all }) => Object.assign(all, commands));
  }

  command(urn: string): CommandRecord | undefined {
    return own(this.content.commands, urn);
  }

  async change(make: (content: Content) => void): Promise<void> {
    const before = JSON.stringify(this.content);
    make(this.content);
    if (this.server === undefined || JSON.stringify(this.content) === before) return;
    // One after the other, so that the last one has all changes.
    this.lastWrite = this.lastWrite.then(() => this.write());
    await this.lastWrite;
  }

  private async write(): Promise<void> {
    const { apiVersion, kind, ...metadata } = this.reference;
    const data = { content: Buffer.from(JSON.stringify(this.content)).toString("base64") };
    await this.server?.apply({ apiVersion, kind, metadata, data, spec: undefined });
  }

  private get reference() {
    const name = `talos-mesh-${stackMark(this.stack)}`.toLowerCase().replace(/[^a-z0-9.-]/g, "-");
    return { apiVersion: "v1", kind: "Secret", namespace: "kube-system", name };
  }
}
