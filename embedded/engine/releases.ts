import path from "node:path";
import type { helm } from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ApiServer } from "../../components/shared/kubernetes/api-server";
import { helmRevisions, isPending, removeRevisions } from "../../components/shared/kubernetes/helm-records";
import { type WaitOptions, whenAvailable } from "../../components/shared/kubernetes/wait";
import { listProcesses } from "../../components/shared/process-identity";
import { CommandError, runCommand } from "../../components/shared/run-command";
import type { Change } from "../../cli/engine/engine";
import { messageOf, UserError } from "../../components/shared/problem";
import { refuseUnsupported } from "./commands";
import { inputDigest, marks, stackMark, timestamp } from "./naming";

/**
 * Inputs of a `kubernetes:helm.sh/v3:Release`, in plain values. The description of a chart in a folder has the digest of the
 * folder's files, so that a change of them is a change of the inputs.
 */
export type ReleaseInputs = Readonly<pulumi.Unwrap<helm.v3.ReleaseArgs>> & ReleaseName;

const supported = (
  "chart name namespace version repositoryOpts values timeout atomic cleanupOnFail maxHistory skipAwait description " +
  "compat"
).split(" ");

/** The provider's own default, in seconds. */
const defaultTimeout = 300;

export function releaseInputs(inputs: Readonly<Record<string, unknown>>, resource: { name: string }): ReleaseInputs {
  const given = Object.entries(inputs).filter(([, value]) => value !== undefined && value !== null && value !== false);
  const { repositoryOpts = {}, ...rest } = Object.fromEntries(given) as Partial<ReleaseInputs>;
  const others = Object.keys(repositoryOpts).filter((key) => key !== "repo");
  refuseUnsupported([
    ...given.map(([key]) => key).filter((key) => !supported.includes(key)),
    ...others.map((key) => `repositoryOpts.${key}`),
  ]);
  if (rest.chart === undefined) throw new UserError("chart: expected the chart's name or folder, found nothing");
  const { name = resource.name, namespace = "default" } = rest;
  return { ...rest, chart: rest.chart, name, namespace, repositoryOpts };
}

export async function latestRevision(server: ApiServer, release: ReleaseName, signal?: AbortSignal) {
  return (await whenAvailable(() => helmRevisions(server, release, signal), { signal })).at(-1);
}

export interface ReleaseName {
  readonly namespace: string;
  readonly name: string;
}

const digestMark = "talos-mesh/digest";

export function isDeployed(
  revision: { readonly status: string; readonly labels: Readonly<Record<string, string>> } | undefined,
  inputs: ReleaseInputs,
): boolean {
  return revision?.status === "deployed" && revision.labels[digestMark] === inputDigest(inputs);
}

type HelmOptions = Pick<WaitOptions, "signal" | "onProgress">;

/**
 * A `helm` program that works on the dev cluster, with its cache, configuration and data in `home`. Charts that are folders
 * are relative to the project.
 */
export class Helm {
  constructor(
    private readonly program: { readonly path: string; readonly version: string },
    private readonly folders: Readonly<Record<"projectRoot" | "home" | "kubeconfig", string>>,
  ) {}

  /** Ends the helm of a run that was killed: it would go on working on a release of this run. */
  static killLeftoverProcesses(kubeconfig: string): void {
    const others = listProcesses().filter(({ command }) => command.includes(` --kubeconfig ${kubeconfig} `));
    for (const { pid } of others) process.kill(pid, "SIGKILL");
  }

  /** Installs or upgrades a release. One that a killed run has left unfinished is repaired first. */
  async upgrade(
    server: ApiServer,
    release: ReleaseInputs,
    { stack, layer, ...options }: HelmOptions & { readonly stack: string; readonly layer: string },
  ): Promise<Exclude<Change, "deleted">> {
    const before = await latestRevision(server, release, options.signal);
    await removeRevisions(server, release, ({ status }) => isPending(status), options.signal);
    if (before?.status.startsWith("uninstall") === true) await this.uninstall(release, options);
    const labels = {
      [marks.stack]: stackMark(stack),
      [marks.layer]: layer,
      [marks.createdAt]: before?.labels[marks.createdAt] ?? timestamp(),
      [digestMark]: inputDigest(release),
    };
    const args = upgradeArguments(release, labels, this.program.version);
    await this.run(args, release.timeout ?? defaultTimeout, options, JSON.stringify(release.values ?? {}));
    const existed = before !== undefined && ["deployed", "superseded", "failed"].includes(before.status);
    return existed || before?.status === "pending-upgrade" ? "updated" : "created";
  }

  /** Deletes a release and waits until everything in it is gone. */
  async uninstall({ name, namespace }: ReleaseName, options: HelmOptions): Promise<void> {
    const flags = ["--ignore-not-found", "--wait", "--timeout", `${defaultTimeout}s`, "--cascade", "foreground"];
    const uninstall = () => this.run(["uninstall", name, "--namespace", namespace, ...flags], defaultTimeout, options);
    // Helm 4 may stop waiting too early, at an object that is being deleted. Uninstalling again waits for what is left.
    await uninstall().catch((error: unknown) => {
      if (/still exists\. status: Terminating/.test(messageOf(error)) && options.signal?.aborted !== true)
        return uninstall();
      throw error;
    });
  }

  /** @param timeout Helm's own, in seconds */
  private async run(
    args: readonly string[],
    timeout: number,
    { signal, onProgress }: HelmOptions,
    input?: string,
  ): Promise<void> {
    const { projectRoot, home, kubeconfig } = this.folders;
    // The user's settings of Helm could name another cluster, or another storage of releases.
    const env = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HELM_"))),
      HELM_CACHE_HOME: path.join(home, "cache"),
      HELM_CONFIG_HOME: path.join(home, "config"),
      HELM_DATA_HOME: path.join(home, "data"),
      // The cache of the API server's resources, else in ~/.kube/cache.
      KUBECACHEDIR: path.join(home, "kube-cache"),
    };
    const onLine = (line: string, stream: string) => {
      if (stream === "stderr") onProgress?.(line);
    };
    try {
      const timeoutMs = (timeout + 60) * 1000;
      const options = { cwd: projectRoot, env, input, timeoutMs, signal, onLine, ownGroup: true };
      await runCommand(this.program.path, ["--kubeconfig", kubeconfig, ...args], options);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new UserError([`helm ${args[0] ?? ""} failed`, ...error.output].join("\n"), { cause: error });
    }
  }
}

/** Arguments of `helm upgrade --install` with the values on standard input; Helm 4 has another name for `--atomic`. */
export function upgradeArguments(
  release: ReleaseInputs,
  labels: Readonly<Record<string, string>>,
  helmVersion: string,
): string[] {
  const options = {
    namespace: release.namespace,
    values: "-",
    version: release.version,
    repo: release.repositoryOpts?.repo,
    timeout: `${release.timeout ?? defaultTimeout}s`,
    "history-max": release.maxHistory,
    description: release.description,
    labels: Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
  };
  const flags = {
    wait: release.skipAwait !== true,
    [Number(helmVersion.split(".")[0]) >= 4 ? "rollback-on-failure" : "atomic"]: release.atomic,
    "cleanup-on-fail": release.cleanupOnFail,
  };
  return [
    "upgrade",
    release.name,
    release.chart,
    "--install",
    ...Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)])),
    ...Object.entries(flags).flatMap(([name, set]) => (set === true ? [`--${name}`] : [])),
  ];
}
