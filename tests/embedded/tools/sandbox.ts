import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { vendors } from "../../../embedded/tools/catalog";

/** A temporary folder with an empty PATH, an empty cache and unreachable mirrors: nothing of the machine is used. */
export class Sandbox {
  readonly folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), "talos-mesh-test-")));
  readonly bin = path.join(this.folder, "bin");
  readonly cache = path.join(this.folder, "cache", "tools");
  readonly env: NodeJS.ProcessEnv;

  constructor() {
    mkdirSync(this.bin);
    this.env = { HOME: this.folder, PATH: this.bin, TALOS_MESH_CACHE: path.dirname(this.cache) };
    this.useMirror("http://127.0.0.1:9");
  }

  useMirror(url: string): void {
    for (const { variable } of Object.values(vendors)) this.env[variable] = url;
  }

  /** Puts a shell script on PATH. */
  script(name: string, body: string): string {
    const file = path.join(this.bin, name);
    writeFileSync(file, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  /** A `go` that downloads any module, and builds by running `build` with the output's folder in $7 and the packages after it. */
  fakeGo(build: string, version = "go1.26.0"): void {
    const gomod = path.join(this.folder, "module.mod");
    writeFileSync(gomod, "module example.com/tool\n\ngo 1.26.0\n\nreplace k8s.io/api => ./staging/src/k8s.io/api\n");
    this.script(
      "go",
      `echo "$*" >> ${this.goLog}
case "$1" in
  env) echo ${version} ;;
  mod) echo '{"GoMod": "${gomod}"}' ;;
  build) ${build} ;;
esac`,
    );
  }

  readonly goLog = path.join(this.folder, "go.log");

  goCalls(verb: string): string[] {
    if (!existsSync(this.goLog)) return [];
    return readFileSync(this.goLog, "utf8")
      .split("\n")
      .filter((line) => line.startsWith(`${verb} `));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
