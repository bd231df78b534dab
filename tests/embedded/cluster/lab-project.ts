import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parse } from "yaml";
import { ApiServer } from "../../../embedded/cluster/api-server";
import { controlPlaneTools } from "../../../embedded/cluster/kwokctl";
import type { ClusterRequest } from "../../../embedded/cluster/request";
import type { ClusterStatus } from "../../../embedded/cluster/status";
import { toolCache } from "../../../embedded/tools/cache";
import type { ToolName } from "../../../embedded/tools/catalog";
import { ensureTools, ToolsUnavailable } from "../../../embedded/tools/ensure-tools";
import { skip } from "../../support/skip";

const program = path.resolve(__dirname, "../../../embedded/cluster/bin/embedded-cluster.cjs");

/** A connection that uses nothing but the text of a kubeconfig. */
export function connect(kubeconfig: string): ApiServer {
  const { clusters, users } = parse(kubeconfig) as {
    clusters: [{ cluster: Record<"server" | "certificate-authority-data", string> }];
    users: [{ user: Record<"client-certificate-data" | "client-key-data", string> }];
  };
  const [{ cluster }, { user }] = [clusters[0], users[0]];
  const pem = (data: string) => Buffer.from(data, "base64");
  return new ApiServer(Number(new URL(cluster.server).port), {
    ca: pem(cluster["certificate-authority-data"]),
    cert: pem(user["client-certificate-data"]),
    key: pem(user["client-key-data"]),
  });
}

/** The tools of a control plane, and others; the suite of the running hook is skipped where they cannot be had. */
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

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A project folder of its own, and a user's home with a kubeconfig that nobody may touch. */
export class LabProject {
  readonly root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "talos-mesh-test-")));
  readonly home = path.join(this.root, "home");
  readonly folder = path.join(this.root, ".talos-mesh", "dev");
  readonly request: ClusterRequest = {
    stack: "dev",
    name: "demo",
    kubernetesVersion: "v1.36.3",
    workers: 2,
    incarnation: 1,
  };
  readonly #userConfig = "apiVersion: v1\nkind: Config\ncurrent-context: production\n";

  constructor() {
    mkdirSync(path.join(this.home, ".kube"), { recursive: true });
    for (const file of this.#userConfigs()) writeFileSync(file, this.#userConfig);
  }

  start(verb: "up" | "delete" | "status", request: Partial<ClusterRequest> = {}): ChildProcess {
    const env = {
      ...process.env,
      // The tools of this machine stay in use, everything else of the user's is the test's own.
      TALOS_MESH_CACHE: path.dirname(toolCache()),
      HOME: this.home,
      KUBECONFIG: path.join(this.home, "other-kubeconfig"),
      TALOS_MESH_CLUSTER: JSON.stringify({ ...this.request, ...request }),
    };
    return spawn(process.execPath, [program, verb], { cwd: this.root, env, stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Runs to the end. The end is when nobody holds the output's pipes any more, as Pulumi waits for it. */
  async run(verb: "up" | "delete" | "status", request: Partial<ClusterRequest> = {}): Promise<Result> {
    const child = this.start(verb, request);
    let [stdout, stderr] = ["", ""];
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stdout, stderr };
  }

  /** A cluster that has come up. */
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
