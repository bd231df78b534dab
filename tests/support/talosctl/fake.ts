import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { projectRoot } from "../program";

const scripts = path.join(projectRoot, "components/cluster/talos/scripts");

/** One machine; world.cjs and nodes.cjs define its behaviour. */
export interface FakeNode {
  hostname: string;
  stage: string;
  role?: "controlplane" | "worker";
  version?: string;
  schematic?: string;
  cluster?: string;
  config?: string;
  /** Its address, where it is called by a name. */
  ip?: string;
  /** Further addresses, with their prefix lengths. */
  addresses?: string[];
  etcd?: boolean;
  /** Its name in etcd, where the machine was renamed since. */
  memberName?: string;
  /** Calls until etcd answers after the bootstrap. */
  etcdIn?: number;
  /** State and last event of an etcd that does not run, such as `[Failed]: Failed to run pre stage`. */
  etcdEvent?: string;
  /** Whether etcd's data is there although it does not run, and what it logs then. */
  etcdData?: boolean;
  etcdLog?: string;
  /** Of its status, and an alarm such as NOSPACE. */
  etcdError?: string;
  etcdAlarm?: string;
  /** Seconds by which its clock is ahead of this machine's, and of its time server's. */
  ahead?: number;
  aheadOfServer?: number;
  staged?: string;
  boots?: number;
  resets?: number;
  next?: Record<string, unknown>[];
}

/** A CertificateSigningRequest of Kubernetes. */
export interface CertificateRequest {
  name: string;
  signer: string;
  /** The authenticated sender. */
  user: string;
  groups: string[];
  usages: string[];
  /** PEM, base64. */
  request: string;
  approved?: boolean;
  /** Calls until it is sent. */
  in?: number;
}

export interface FakeWorld {
  /** Version of the fake talosctl. */
  client: string;
  nodes: Record<string, FakeNode>;
  kubernetes: {
    up: boolean;
    nodes: string[];
    requests: CertificateRequest[];
    drained?: string[];
    /** Nodes whose kubelet has no serving certificate before a request of it is approved. */
    rotating?: string[];
    notReady?: string[];
    /** Calls until a CNI works. */
    readyIn?: number;
    cordoned?: string[];
    annotations?: Record<string, string>;
  };
  /** Calls until etcd answers after a bootstrap. */
  etcdIn?: number;
  /** Errors for calls whose arguments match, so many times; `after` their effect; `hang` is in milliseconds. */
  faults?: { match: string; times: number; error?: string; after?: boolean; code?: number; hang?: number }[];
  /** The process group is killed at this call, counted from 1: before its effect, or after. */
  kill?: { call: number; after?: boolean };
  calls?: number;
  bootstraps?: number;
  upgrades?: string[];
  kubernetesUpgrades?: string[];
  rollsBack?: boolean;
  containers?: {
    /** Ports, and the address of this machine that they are at. */
    exposed: (string | null | undefined)[];
    name: string;
    workers: number;
    image: string;
    controlPlanePatches: string[];
    workerPatches: string[];
  };
}

export interface FakeCall {
  readonly program: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface StepRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What joins machine secrets and what follows them on a step's stdin; as scripts/lib/step.sh reads it. */
export const partMarker = "# --- talos-mesh: next part ---\n";

/** A world of machines in a temporary folder; runs steps against it. */
export class FakeTalos {
  readonly folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-fake-"));
  readonly scratch = path.join(this.folder, "scratch");

  constructor(world: FakeWorld) {
    mkdirSync(this.scratch);
    this.change(world);
  }

  get world(): FakeWorld {
    return JSON.parse(readFileSync(path.join(this.folder, "world.json"), "utf8")) as FakeWorld;
  }

  change(world: FakeWorld): void {
    writeFileSync(path.join(this.folder, "world.json"), JSON.stringify(world));
  }

  node(address: string): FakeNode {
    const node = this.world.nodes[address];
    assert.ok(node, `there is no node ${address}`);
    return node;
  }

  /** Every call of talosctl and kubectl so far. */
  get calls(): readonly FakeCall[] {
    const file = path.join(this.folder, "calls.jsonl");
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line) as FakeCall);
  }

  /** Files that steps left behind in the folder of temporary files. */
  get left(): readonly string[] {
    return readdirSync(this.scratch);
  }

  /** Environment of a step: the fake programs in PATH, and short times. */
  get env(): Record<string, string> {
    return {
      PATH: `${path.join(__dirname, "bin")}:${process.env.PATH}`,
      HOME: this.folder,
      FAKE_TALOS: this.folder,
      TALOS_SCRATCH: this.scratch,
      TALOS_POLL: "0.05",
      TALOS_DEADLINE: "60",
    };
  }

  /** Runs one step like the provider: in its own process group, with its input on stdin. */
  run(step: string, env: Readonly<Record<string, string>>, stdin = ""): Promise<StepRun> {
    const child = spawn("/bin/sh", ["-c", `exec bash ${scripts}/${step}.sh`], {
      cwd: this.folder,
      detached: true,
      env: { ...this.env, ...env },
    });
    const [stdout, stderr]: Buffer[][] = [[], []];
    child.stdout.on("data", (part: Buffer) => stdout?.push(part));
    child.stderr.on("data", (part: Buffer) => stderr?.push(part));
    child.stdin.on("error", () => undefined).end(stdin);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) =>
        resolve({
          code,
          stdout: Buffer.concat(stdout ?? []).toString(),
          stderr: Buffer.concat(stderr ?? []).toString(),
        }),
      );
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
