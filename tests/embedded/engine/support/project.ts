import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { stringify } from "yaml";
import { deployStack } from "../../../../embedded/engine/deploy";
import { destroyStack } from "../../../../embedded/engine/destroy";
import { stackStatus } from "../../../../embedded/engine/status";
import { type Recording, recordingObserver } from "./observer";
import type { ProgramSettings } from "./program";

const program = path.resolve(__dirname, "program.ts");
const script = path.resolve(__dirname, "deploy.ts");
const register = path.resolve(__dirname, "../../../../cli/bin/register.cjs");

let projects = 0;

/** A project folder of its own whose program registers what a test gives it, in a cluster that others use too. */
export class EngineProject {
  readonly root = realpathSync(mkdtempSync(path.join(tmpdir(), "talos-mesh-engine-")));
  readonly stack = `test-${process.pid}-${(projects += 1)}`;
  readonly folder = path.join(this.root, ".talos-mesh", this.stack);
  private readonly configFile = path.join(this.root, "Pulumi.test.yaml");

  constructor(private readonly kubeconfigFile: string) {
    writeFileSync(path.join(this.root, "Pulumi.yaml"), "name: test\nruntime: nodejs\n");
  }

  async deploy(settings: ProgramSettings): Promise<Recording> {
    const observer = recordingObserver();
    await deployStack({ ...this.write(settings), observer });
    return observer;
  }

  status(settings: ProgramSettings) {
    return stackStatus(this.write(settings));
  }

  async destroy(): Promise<Recording> {
    const observer = recordingObserver();
    await destroyStack({ projectRoot: this.root, stack: this.stack, observer });
    return observer;
  }

  /** Deploys in another process and kills it at the event, such as `started Deployment shop/web`. */
  async deployAndKill(settings: ProgramSettings, event: string): Promise<void> {
    const { projectRoot, stack, configFile, main } = this.write(settings);
    const args = ["-r", register, script, projectRoot, stack, configFile, main];
    const cwd = path.resolve(__dirname, "../../../..");
    const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "close");
    let killed = false;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === event) killed = child.kill("SIGKILL");
    }
    await ended;
    if (!killed) throw new Error(`the run ended without the event "${event}"`);
  }

  /** Every file of the stack, by its path in the stack's folder. */
  files(): Map<string, string> {
    if (!existsSync(this.folder)) return new Map();
    const entries = readdirSync(this.folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const paths = entries.map((entry) => path.join(entry.parentPath, entry.name));
    return new Map(paths.map((file) => [path.relative(this.folder, file), readFileSync(file, "utf8")]));
  }

  chart(files: Readonly<Record<string, string>>): string {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(this.root, "chart", name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    return "./chart";
  }

  /** Deletes what was deployed, by a program without resources, and the folder. */
  async remove(): Promise<void> {
    await this.deploy({ objects: {} });
    rmSync(this.root, { recursive: true, force: true });
  }

  private write(settings: ProgramSettings) {
    const config = { "test:kubeconfigFile": this.kubeconfigFile, "test:settings": settings };
    writeFileSync(this.configFile, stringify({ config }));
    return { projectRoot: this.root, stack: this.stack, configFile: this.configFile, main: program, yes: true };
  }
}
