import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { RunRecord } from "../metrics/record";
import type { PlannedRun } from "../plan/plan";
import { schemaVersion } from "../report/baseline";
import type { Measured } from "../report/report";

/** What is found out before the first run. */
export type Setup = Pick<Measured, "scenarios" | "environment" | "idle">;

/** What runs were made under; those made under something else are no part of this. */
export interface KeptSetup extends Setup {
  /** Client's and server's, each as what tells it from every other one. */
  readonly nodes: readonly string[];
  readonly revision?: string;
}

/**
 * Finished runs on disk, one a line, each written as soon as it is finished: whoever is killed goes on behind the last
 * one. Its folder is named by the identity, so that runs of another plan are never mixed in; that the cluster is the same
 * is for its user to see.
 */
export class Journal {
  private readonly runs: string;
  private readonly setupFile: string;
  private readonly said = new Set<string>();

  constructor(
    readonly folder: string,
    private readonly say: (line: string) => void,
  ) {
    this.runs = path.join(folder, "runs.jsonl");
    this.setupFile = path.join(folder, "setup.json");
  }

  /** Finished runs; a last line that was cut off by a kill is none, nor is one that a loss of power has damaged. */
  records(): RunRecord[] {
    if (!existsSync(this.runs)) return [];
    const lines = readFileSync(this.runs, "utf8").split("\n").slice(0, -1);
    return lines.flatMap((line, index) => {
      const record = parsed<RunRecord>(line);
      if (!record) this.sayOnce(`${this.runs}:${index + 1} is damaged; that run is made again`);
      return record ?? [];
    });
  }

  /** Undefined where there is none that this release can read. */
  setup(): KeptSetup | undefined {
    if (!existsSync(this.setupFile)) return undefined;
    const kept = parsed<KeptSetup & { schemaVersion?: number }>(readFileSync(this.setupFile, "utf8"));
    if (kept?.schemaVersion === schemaVersion) return kept;
    this.sayOnce(`Measuring anew: ${this.setupFile} is ${kept ? "of another release" : "damaged"}`);
    return undefined;
  }

  keepSetup(setup: KeptSetup): void {
    this.write("setup.json", `${JSON.stringify({ schemaVersion, ...setup }, undefined, 2)}\n`);
  }

  add(record: RunRecord): void {
    mkdirSync(this.folder, { recursive: true });
    this.mend();
    appendFileSync(this.runs, `${JSON.stringify(record)}\n`);
  }

  /** Of these runs those that are to be made: a disturbed one is made twice, and no more. */
  undone(runs: readonly PlannedRun[]): PlannedRun[] {
    const seen = new Set<string>();
    const done = new Set<string>();
    for (const { id, disturbed } of this.records()) {
      if (disturbed !== true || seen.has(id)) done.add(id);
      seen.add(id);
    }
    return runs.filter(({ id }) => !done.has(id));
  }

  /** What is undone of the scenarios that are there. */
  remaining(runs: readonly PlannedRun[]): PlannedRun[] {
    const states = this.setup()?.scenarios ?? [];
    const unmeasured = new Set(states.filter(({ state }) => state === "not measured").map(({ scenario }) => scenario));
    return this.undone(runs).filter(({ scenario }) => !unmeasured.has(scenario));
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

  private sayOnce(line: string): void {
    if (!this.said.has(line)) this.say(line);
    this.said.add(line);
  }
}

/** An object, or undefined for a text that is none. */
function parsed<T extends object>(text: string): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
