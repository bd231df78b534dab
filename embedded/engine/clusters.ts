import path from "node:path";
import { ensureTools, type ToolProgress } from "../tools/ensure-tools";
import { ApiServer, type ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { RunnerError } from "./errors";
import type { StackRecord } from "./record";
import { Helm } from "./releases";
import type { Vault } from "./vault";

/** The clusters of a run, by the URN of the provider that reaches them. */
export class Clusters {
  private readonly accesses = new Map<string, ClusterAccess>();
  private readonly servers = new Map<string, Promise<ApiServer>>();

  constructor(
    private readonly options: {
      readonly record: StackRecord;
      readonly vault: Vault;
      /** `.talos-mesh/<stack>` */
      readonly folder: string;
      readonly signal?: AbortSignal;
      readonly onTool?: (progress: ToolProgress) => void;
    },
  ) {}

  add(urn: string, access: ClusterAccess): void {
    this.accesses.set(urn, access);
  }

  /** @throws RunnerError where neither this run nor the record knows the provider. */
  server(provider: string | undefined): Promise<ApiServer> {
    const access = this.access(provider);
    const key = provider ?? "";
    const server = this.servers.get(key) ?? ApiServer.open(access);
    this.servers.set(key, server);
    return server;
  }

  async helm(provider: string | undefined): Promise<Helm> {
    const { helm } = await ensureTools(["helm"], { progress: this.options.onTool, signal: this.options.signal });
    return new Helm(helm, path.join(this.options.folder, "helm"), this.access(provider));
  }

  private access(provider: string | undefined): ClusterAccess {
    if (provider === undefined) {
      // The provider's default would be the user's own current context.
      throw new RunnerError("has no provider, so it is not known which cluster it belongs to");
    }
    const target = this.options.record.get(provider)?.target;
    const access =
      this.accesses.get(provider) ??
      (target?.kind === "provider"
        ? (this.options.vault.unseal(target.sealed) as ClusterAccess | undefined)
        : undefined);
    if (access === undefined) throw new RunnerError(`the kubeconfig of its provider is not known (${provider})`);
    return access;
  }
}
