import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Change } from "../../cli/engine/engine";
import { CommandError, runCommand } from "../tools/run-command";
import type { ApiServer, ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { whenAvailable } from "../../components/shared/kubernetes/wait";
import { RunnerError } from "./errors";
import { givenUp, waitUntilGone } from "./uninstalled";

/** Inputs of a `kubernetes:helm.sh/v3:Release`, in plain values, as far as the embedded runner knows them. */
export interface ReleaseInputs {
  readonly chart: string;
  readonly name: string;
  readonly namespace: string;
  readonly version?: string;
  readonly repositoryOpts?: { readonly repo?: string };
  readonly values?: Readonly<Record<string, unknown>>;
  /** Seconds. */
  readonly timeout?: number;
  readonly atomic?: boolean;
  readonly cleanupOnFail?: boolean;
  readonly createNamespace?: boolean;
  readonly maxHistory?: number;
  readonly skipAwait?: boolean;
  readonly skipCrds?: boolean;
  readonly waitForJobs?: boolean;
  readonly disableOpenapiValidation?: boolean;
  readonly dependencyUpdate?: boolean;
  readonly description?: string;
}

const known = new Set([
  ...["chart", "name", "namespace", "version", "repositoryOpts", "values", "timeout", "atomic", "cleanupOnFail"],
  ...["createNamespace", "maxHistory", "skipAwait", "skipCrds", "waitForJobs", "disableOpenapiValidation"],
  ...["dependencyUpdate", "description", "compat"],
]);

/** The provider's own default, in seconds. */
const defaultTimeout = 300;

/** @throws RunnerError for what a Release may say and this runner does not do. */
export function releaseInputs(inputs: Readonly<Record<string, unknown>>, otherwise: { name: string }): ReleaseInputs {
  const given = Object.entries(inputs).filter(([, value]) => value !== undefined && value !== null && value !== false);
  const unknown = given.map(([key]) => key).filter((key) => !known.has(key));
  const { repositoryOpts = {}, ...rest } = Object.fromEntries(given) as Partial<ReleaseInputs>;
  unknown.push(...Object.keys(repositoryOpts).flatMap((key) => (key === "repo" ? [] : [`repositoryOpts.${key}`])));
  if (unknown.length > 0) throw new RunnerError(`${unknown.join(", ")}: not supported here, needs the Pulumi CLI`);
  if (rest.chart === undefined) throw new RunnerError("chart: expected the chart's name or folder, found nothing");
  return {
    ...rest,
    chart: rest.chart,
    name: rest.name ?? otherwise.name,
    namespace: rest.namespace ?? "default",
    repositoryOpts,
  };
}

/** The content a chart stands for: that of its folder or archive, or undefined for a name in a repository. */
export function chartContent(chart: string, projectRoot: string): string | undefined {
  const file = path.resolve(projectRoot, chart);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const hash = createHash("sha256");
  const files = found.isDirectory()
    ? readdirSync(file, { recursive: true, withFileTypes: true }).flatMap((entry) =>
        entry.isFile() ? [path.join(entry.parentPath, entry.name)] : [],
      )
    : [file];
  for (const each of files.sort()) hash.update(`${path.relative(file, each)}\0`).update(readFileSync(each));
  return hash.digest("hex");
}

/** A revision of a release, as Helm's own record in the cluster has it. */
export interface Revision {
  readonly revision: number;
  /** `deployed`, `superseded`, `failed`, `pending-install`, `pending-upgrade`, `uninstalling`, ... */
  readonly status: string;
}

/** All revisions of a release, oldest first; Helm keeps each in a Secret. */
export async function revisionsOf(
  server: ApiServer,
  release: { readonly name: string; readonly namespace: string },
  signal?: AbortSignal,
): Promise<Revision[]> {
  const list = () =>
    server.list(
      { apiVersion: "v1", kind: "Secret", namespace: release.namespace },
      { labelSelector: `owner=helm,name=${release.name}` },
      signal,
    );
  const secrets = await whenAvailable(list, { signal });
  return secrets
    .map(({ metadata }) => ({ revision: Number(metadata.labels?.version), status: metadata.labels?.status ?? "" }))
    .sort((a, b) => a.revision - b.revision);
}

/** What has to happen before Helm takes an upgrade; a run that was killed leaves a release it refuses to touch. */
export function recovery(revisions: readonly Revision[]): "none" | "uninstall" | "rollback" {
  const last = revisions.at(-1);
  if (last === undefined || last.status === "deployed") return "none";
  const everWorked = revisions.some(({ status }) => status === "deployed" || status === "superseded");
  if (!everWorked || last.status.startsWith("uninstall")) return "uninstall";
  return last.status.startsWith("pending-") ? "rollback" : "none";
}

export interface HelmOptions {
  /** Working directory; charts that are folders are relative to it. */
  readonly cwd: string;
  /** Milliseconds; Helm gets a little less, so that it can say itself what it waited for. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (text: string) => void;
}

/** A `helm` program with its files in a folder of ours and a kubeconfig that is ours. */
export class Helm {
  constructor(
    private readonly program: { readonly path: string; readonly version: string },
    /** Helm's cache, config and data, and the files of a single call. */
    private readonly home: string,
    private readonly access: ClusterAccess,
  ) {}

  /** Installs or upgrades, first mending what a killed run has left. */
  async upgrade(server: ApiServer, release: ReleaseInputs, options: HelmOptions): Promise<Exclude<Change, "deleted">> {
    const before = await revisionsOf(server, release, options.signal);
    const mended = await this.mend(server, release, before, options);
    await this.run(upgradeArguments(release, this.program.version), options, release.values);
    return before.length === 0 || mended === "uninstall" ? "created" : "updated";
  }

  /** Makes a release that a killed run has left one that Helm can work with. */
  async mend(
    server: ApiServer,
    release: { readonly name: string; readonly namespace: string; readonly timeout?: number },
    revisions: readonly Revision[],
    options: HelmOptions,
  ): Promise<ReturnType<typeof recovery>> {
    const todo = recovery(revisions);
    if (todo !== "none") options.onProgress?.(`mending a release left ${revisions.at(-1)?.status ?? ""}`);
    if (todo === "uninstall") await this.uninstall(server, release, { ...options, hooks: false });
    if (todo === "rollback") await this.run(["rollback", release.name, ...scope(release), "--no-hooks"], options);
    return todo;
  }

  /** Ends when all that the release had is gone, also where Helm gives up before. */
  async uninstall(
    server: ApiServer,
    release: { readonly name: string; readonly namespace: string; readonly timeout?: number },
    options: HelmOptions & {
      readonly hooks?: boolean;
      /** What an object may take to go after Helm has given up waiting for it. @default 5 minutes */
      readonly leftoverMs?: number;
    },
  ): Promise<void> {
    const seconds = release.timeout ?? defaultTimeout;
    const said: string[] = [];
    const onProgress = (line: string) => {
      said.push(line);
      options.onProgress?.(line);
    };
    try {
      await this.run(
        [
          ...["uninstall", release.name, ...scope(release), "--ignore-not-found", "--wait", "--timeout", `${seconds}s`],
          ...["--cascade", "foreground", ...(options.hooks === false ? ["--no-hooks"] : [])],
        ],
        { ...options, onProgress, timeoutMs: (seconds + 60) * 1000 },
      );
    } catch (error) {
      const left = givenUp(said);
      if (left === undefined) throw error;
      await waitUntilGone(server, left, { ...options, timeoutMs: options.leftoverMs ?? 5 * 60_000 });
    }
  }

  private async run(args: string[], options: HelmOptions, values?: unknown): Promise<string> {
    mkdirSync(path.join(this.home, "run"), { recursive: true, mode: 0o700 });
    const folder = mkdtempSync(path.join(this.home, "run", "call-"));
    try {
      const { kubeconfig, context } = this.access;
      const keep = (name: string, text: string) => {
        writeFileSync(path.join(folder, name), text, { mode: 0o600 });
        return path.join(folder, name);
      };
      const isPath = !kubeconfig.includes("\n") && !kubeconfig.trimStart().startsWith("{");
      const file = isPath ? kubeconfig : keep("kubeconfig", kubeconfig);
      const all = [
        ...args,
        ...["--kubeconfig", file, ...(context === undefined ? [] : ["--kube-context", context])],
        ...(values === undefined ? [] : ["--values", keep("values.json", JSON.stringify(values))]),
      ];
      return await runCommand(this.program.path, all, {
        cwd: options.cwd,
        env: this.environment(file),
        timeoutMs: options.timeoutMs ?? (defaultTimeout + 60) * 1000,
        signal: options.signal,
        onErrorLine: options.onProgress,
      });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new RunnerError([`helm ${args[0] ?? ""} failed`, ...error.output].join("\n"), { cause: error });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  // None of the user's own Helm settings: they could name another cluster, or another way to keep releases.
  private environment(kubeconfig: string): NodeJS.ProcessEnv {
    const others = Object.entries(process.env).filter(([name]) => !name.startsWith("HELM_"));
    return {
      ...Object.fromEntries(others),
      KUBECONFIG: kubeconfig,
      HELM_CACHE_HOME: path.join(this.home, "cache"),
      HELM_CONFIG_HOME: path.join(this.home, "config"),
      HELM_DATA_HOME: path.join(this.home, "data"),
      // What it learns of the API server it would keep in ~/.kube/cache.
      KUBECACHEDIR: path.join(this.home, "kube-cache"),
    };
  }
}

/** Arguments of `helm upgrade --install`; Helm 4 has another word for `--atomic`. */
export function upgradeArguments(release: ReleaseInputs, helmVersion: string): string[] {
  const major = Number(helmVersion.split(".")[0]);
  const flag = (set: boolean | undefined, name: string) => (set === true ? [name] : []);
  const option = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [name, String(value)];
  const wait = release.skipAwait !== true;
  return [
    ...["upgrade", release.name, release.chart, "--install", ...scope(release)],
    ...option("--version", release.version),
    ...option("--repo", release.repositoryOpts?.repo),
    ...option("--timeout", `${release.timeout ?? defaultTimeout}s`),
    ...option("--history-max", release.maxHistory),
    ...option("--description", release.description),
    ...flag(wait, "--wait"),
    ...flag(wait && release.waitForJobs, "--wait-for-jobs"),
    ...flag(release.atomic, major >= 4 ? "--rollback-on-failure" : "--atomic"),
    ...flag(release.cleanupOnFail, "--cleanup-on-fail"),
    ...flag(release.createNamespace, "--create-namespace"),
    ...flag(release.skipCrds, "--skip-crds"),
    ...flag(release.disableOpenapiValidation, "--disable-openapi-validation"),
    ...flag(release.dependencyUpdate, "--dependency-update"),
  ];
}

function scope({ namespace }: { readonly namespace: string }): string[] {
  return ["--namespace", namespace];
}
