import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { RunRecord } from "../measure/record";
import type { Measured } from "../report/report";

/** What is found out once, before the first run. */
export type Setup = Pick<Measured, "scenarios" | "environment" | "idle">;

/**
 * Finished runs on disk, one a line, each written as soon as it is finished: whoever is killed goes on behind the last
 * one. Its folder is named by the identity, so that runs of another plan are never mixed in.
 */
export class Journal {
  private readonly runs: string;
  private readonly setupFile: string;

  constructor(readonly folder: string) {
    this.runs = path.join(folder, "runs.jsonl");
    this.setupFile = path.join(folder, "setup.json");
  }

  /** Finished runs; a last line that was cut off by a kill is none. */
  records(): RunRecord[] {
    if (!existsSync(this.runs)) return [];
    return readFileSync(this.runs, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as RunRecord);
  }

  setup(): Setup | undefined {
    return existsSync(this.setupFile) ? (JSON.parse(readFileSync(this.setupFile, "utf8")) as Setup) : undefined;
  }

  keepSetup(setup: Setup): void {
    this.write("setup.json", `${JSON.stringify(setup, undefined, 2)}\n`);
  }

  add(record: RunRecord): void {
    mkdirSync(this.folder, { recursive: true });
    this.mend();
    appendFileSync(this.runs, `${JSON.stringify(record)}\n`);
  }

  /** Forgets everything: what was measured elsewhere is no part of this. */
  clear(): void {
    rmSync(this.runs, { force: true });
    rmSync(this.setupFile, { force: true });
  }

  /** A file of the folder, whole or not at all. */
  write(name: string, text: string): string {
    mkdirSync(this.folder, { recursive: true });
    const file = path.join(this.folder, name);
    writeFileSync(`${file}.part`, text);
    renameSync(`${file}.part`, file);
    return file;
  }

  /** Takes away the half of a line that a kill has left, which the next one would be appended to. */
  private mend(): void {
    if (!existsSync(this.runs)) return;
    const text = readFileSync(this.runs, "utf8");
    if (text !== "" && !text.endsWith("\n")) writeFileSync(this.runs, text.slice(0, text.lastIndexOf("\n") + 1));
  }
}
