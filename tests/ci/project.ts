import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { root, temporaryFolder } from "./support";

interface State {
  readonly resources: Record<string, string>;
  readonly tags: Record<string, string>;
  readonly history: { readonly result: string; readonly environment: Record<string, string> }[];
  readonly calls: string[];
  previewFails?: boolean;
}

/** A commit: the program, the verdict of its verification, and its stack file. */
export interface Content {
  readonly program: Readonly<Record<string, string>>;
  /** @default holds */
  readonly verdict?: string;
  /** Sections of Pulumi.production.yaml. @default verification */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A git repository with the stack `production`, a fake Pulumi CLI and a fake npm. */
export class Project {
  readonly folder = temporaryFolder();
  private readonly home = temporaryFolder({ summary: "" });

  constructor() {
    const bin = path.join(this.home, "bin");
    mkdirSync(bin);
    for (const name of ["pulumi", "npm"]) {
      copyFileSync(path.join(__dirname, `fake-${name}.cjs`), path.join(bin, name));
      chmodSync(path.join(bin, name), 0o755);
    }
    this.save({ resources: {}, tags: {}, history: [], calls: [] });
    this.git("init", "--quiet", "--initial-branch=main");
  }

  /** Gives the commit. */
  commit({ program, verdict = "holds", config = { "talos-mesh:verification": {} } }: Content): string {
    const write = (file: string, text: string) => writeFileSync(path.join(this.folder, file), text);
    write("program.json", JSON.stringify(program));
    write("verdict", verdict);
    write("Pulumi.production.yaml", stringify({ config }));
    write(".gitignore", ".talos-mesh/\n");
    this.git("add", "--all");
    this.git("commit", "--quiet", "--no-verify", "--allow-empty", "--message", "a change");
    return this.git("rev-parse", "HEAD");
  }

  /** Runs a script of `scripts/ci` in the repository. */
  run(script: string, ...args: string[]) {
    const file = path.join(root, "scripts/ci", script);
    const [command, ...before] = script.endsWith(".sh")
      ? [file]
      : [process.execPath, "-r", path.join(root, "cli/bin/register.cjs"), file];
    const { status, stdout, stderr } = spawnSync(command ?? "", [...before, ...args], {
      cwd: this.folder,
      env: this.env,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      PATH: `${path.join(this.home, "bin")}:${process.env["PATH"]}`,
      FAKE_PULUMI_STATE: path.join(this.home, "state.json"),
      GITHUB_STEP_SUMMARY: path.join(this.home, "summary"),
      GITHUB_ACTIONS: "",
      PULUMI_ACCESS_TOKEN: "not-a-token",
      PULUMI_CONFIG_PASSPHRASE: "not-a-passphrase",
      ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example.com" },
      ...{ GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.com" },
    };
  }

  get state(): State {
    return JSON.parse(readFileSync(path.join(this.home, "state.json"), "utf8")) as State;
  }

  save(state: State): void {
    writeFileSync(path.join(this.home, "state.json"), JSON.stringify(state));
  }

  get summary(): string {
    return readFileSync(path.join(this.home, "summary"), "utf8");
  }

  read(file: string): string {
    return readFileSync(path.join(this.folder, file), "utf8");
  }

  private git(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync("git", args, { cwd: this.folder, env: this.env, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    return stdout.trim();
  }
}
