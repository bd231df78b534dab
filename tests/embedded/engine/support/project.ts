import { spawn, type ChildProcess } from "node:child_process";
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
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { inspectStack } from "../../../../embedded/engine/inspect-stack";
import { applyStack, destroyStack } from "../../../../embedded/engine/run";
import type { ProgramSettings } from "./program";
import { quietObserver, type Recorded } from "./observer";

const program = path.resolve(__dirname, "program.ts");
const script = path.resolve(__dirname, "apply.ts");
const register = path.resolve(__dirname, "../../../../cli/bin/register.cjs");

/** A project folder of its own whose program makes what a test says. */
export class RunnerProject {
  readonly root = realpathSync(mkdtempSync(path.join(tmpdir(), "talos-mesh-runner-")));
  readonly folder = path.join(this.root, ".talos-mesh", "dev");
  readonly stateFile = path.join(this.folder, "state.json");
  private readonly configFile = path.join(this.root, "Pulumi.dev.yaml");

  constructor(private readonly kubeconfigFile: string) {
    writeFileSync(path.join(this.root, "Pulumi.yaml"), "name: runner\nruntime: nodejs\n");
  }

  async apply(settings: ProgramSettings, signal?: AbortSignal): Promise<Recorded> {
    const observer = quietObserver();
    this.write(settings);
    await applyStack({ ...this.common(observer), configFile: this.configFile, main: program, signal });
    return observer;
  }

  async destroy(): Promise<Recorded> {
    const observer = quietObserver();
    await destroyStack(this.common(observer));
    return observer;
  }

  status() {
    return inspectStack({ projectRoot: this.root, stack: "dev" });
  }

  /** Deploys in another process and kills it as soon as `moment` has come; false when it was done before that. */
  async applyAndKill(settings: ProgramSettings, moment: () => boolean): Promise<boolean> {
    this.write(settings);
    const child: ChildProcess = spawn(process.execPath, ["-r", register, script, this.root, this.configFile, program], {
      cwd: path.resolve(__dirname, "../../../.."),
      stdio: "inherit",
    });
    const ended = once(child, "exit");
    while (child.exitCode === null && !moment()) await delay(2);
    const killed = child.exitCode === null;
    child.kill("SIGKILL");
    await ended;
    return killed;
  }

  /** Text of the record, empty where there is none. */
  state(): string {
    return existsSync(this.stateFile) ? readFileSync(this.stateFile, "utf8") : "";
  }

  /** Every file below the project's `.talos-mesh`, by its path. */
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

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  private common(observer: Recorded) {
    return { projectRoot: this.root, stack: "dev", observer };
  }

  private write(settings: ProgramSettings): void {
    const config = { "runner:kubeconfigFile": this.kubeconfigFile, "runner:settings": settings };
    writeFileSync(this.configFile, stringify({ config }));
  }
}
