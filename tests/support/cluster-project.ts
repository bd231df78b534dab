import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { controlPlaneTools } from "../../embedded/tools/catalog";
import type { ClusterRequest } from "../../embedded/cluster/request";
import type { ClusterStatus } from "../../embedded/cluster/status";
import { toolCache } from "../../embedded/tools/cache";
import type { ToolName } from "../../embedded/tools/catalog";
import { ensureTools, ToolsUnavailable } from "../../embedded/tools/ensure-tools";
import { skip } from "./skip";

const program = path.resolve(__dirname, "../../embedded/cluster/bin/embedded-cluster.cjs");

/** Obtains the tools of a control plane, and others; where they cannot be obtained, the suite of the running hook is skipped. */
export async function controlPlaneToolsOrSkip(context: Mocha.Context, others: readonly ToolName[] = []): Promise<void> {
  // A first run may have to build them.
  context.timeout(30 * 60_000);
  try {
    await ensureTools([...controlPlaneTools, ...others]);
  } catch (error) {
    if (!(error instanceof ToolsUnavailable)) throw error;
    skip(context, error.message);
  }
}

/** The environment variable with the path of the kubeconfig of a running embedded cluster that several tests use. */
export const sharedClusterVariable = "TALOS_MESH_TEST_EMBEDDED_CLUSTER";

export interface TestCluster {
  /** Path of its kubeconfig. */
  readonly kubeconfig: string;
  readonly remove: () => Promise<void>;
}

/**
 * An embedded cluster for a suite that needs an API server only: the shared one where there is one, else one of its own. As
 * other suites may use it at the same time, a suite uses namespaces and CRDs that only it knows.
 */
export async function testCluster(context: Mocha.Context, others: readonly ToolName[] = []): Promise<TestCluster> {
  await controlPlaneToolsOrSkip(context, others);
  const shared = process.env[sharedClusterVariable];
  if (shared) return { kubeconfig: shared, remove: () => Promise.resolve() };
  const project = new ClusterProject();
  await project.up();
  return { kubeconfig: path.join(project.folder, "kubeconfig"), remove: () => project.remove() };
}

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A project folder of its own for a cluster, and a home folder whose kubeconfig must stay as it is. */
export class ClusterProject {
  readonly home: string;
  readonly folder: string;
  readonly request: ClusterRequest = {
    stack: "dev",
    name: "demo",
    kubernetesVersion: "v1.36.3",
    workers: 2,
    incarnation: 1,
  };
  readonly #userConfig = "apiVersion: v1\nkind: Config\ncurrent-context: production\n";

  constructor(readonly root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "talos-mesh-test-")))) {
    this.home = path.join(root, "home");
    this.folder = path.join(root, ".talos-mesh", "dev");
    mkdirSync(path.join(this.home, ".kube"), { recursive: true });
    for (const file of this.#userConfigs()) writeFileSync(file, this.#userConfig);
  }

  start(verb: "up" | "delete" | "status", request: Partial<ClusterRequest> = {}): ChildProcess {
    const env = {
      ...process.env,
      // This machine's tools, and nothing else of the user's.
      TALOS_MESH_CACHE: path.dirname(toolCache()),
      HOME: this.home,
      KUBECONFIG: path.join(this.home, "other-kubeconfig"),
      TALOS_MESH_CLUSTER: JSON.stringify({ ...this.request, ...request }),
    };
    return spawn(process.execPath, [program, verb], { cwd: this.root, env, stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Runs to the end, which is when the output's pipes are closed, as for Pulumi. */
  async run(verb: "up" | "delete" | "status", request: Partial<ClusterRequest> = {}): Promise<Result> {
    const child = this.start(verb, request);
    let [stdout, stderr] = ["", ""];
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stdout, stderr };
  }

  /** Runs `up`, which must succeed. */
  async up(request: Partial<ClusterRequest> = {}): Promise<Result> {
    const result = await this.run("up", request);
    assert.equal(result.code, 0, result.stderr);
    return result;
  }

  async status(): Promise<ClusterStatus> {
    return JSON.parse((await this.run("status")).stdout) as ClusterStatus;
  }

  /** Starts `up` and kills it as soon as `moment` has come. */
  async killUp(moment: (stderr: string) => boolean): Promise<void> {
    const child = this.start("up");
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = once(child, "exit");
    while (child.exitCode === null && !moment(stderr)) await delay(5);
    child.kill("SIGKILL");
    await ended;
  }

  /** Moves the folder; this project must not be used any more. */
  move(): ClusterProject {
    const root = `${this.root}-moved`;
    renameSync(this.root, root);
    return new ClusterProject(root);
  }

  copy(): ClusterProject {
    const root = `${this.root}-copy`;
    cpSync(this.root, root, { recursive: true, verbatimSymlinks: true });
    return new ClusterProject(root);
  }

  userFilesUntouched(): boolean {
    const kept = this.#userConfigs().every((file) => readFileSync(file, "utf8") === this.#userConfig);
    return kept && !existsSync(path.join(this.home, ".kwok"));
  }

  /** Ends the cluster and removes the folders. */
  async remove(): Promise<void> {
    await this.run("delete");
    rmSync(this.root, { recursive: true, force: true });
  }

  #userConfigs(): string[] {
    return [path.join(this.home, ".kube", "config"), path.join(this.home, "other-kubeconfig")];
  }
}
