import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readIfExists, writeFileAtomically } from "../../shared/files";
import { parseJson } from "../../shared/json";
import type { RunRecord } from "../metrics/record";
import type { PlannedRun } from "../plan/plan";
import { schemaVersion } from "../report/baseline";
import type { Measured, ScenarioState } from "../report/report";
import { isCount } from "./environment";

export type Setup = Pick<Measured, "scenarios" | "environment" | "idle">;

/** The conditions of runs; runs under other conditions are not mixed with them. */
export interface KeptSetup extends Setup {
  /** Client's and server's node, each with what identifies it. */
  readonly nodes: readonly string[];
  readonly revision?: string;
}

/**
 * Finished runs on disk, one a line: after a kill the same command continues after the last one. The folder's name has the
 * plan's identity, so that runs of different plans are never mixed.
 */
export class Journal {
  private readonly runs: string;
  private readonly setupFile: string;
  /** Without a last line that a kill has cut off and lines that a power failure has damaged. */
  records: readonly RunRecord[] = [];
  /** Undefined where there is none that this release can read; then there are no records either. */
  setup: KeptSetup | undefined;

  constructor(
    private readonly folder: string,
    log: (line: string) => void,
  ) {
    this.runs = path.join(folder, "runs.jsonl");
    this.setupFile = path.join(folder, "setup.json");
    const text = readIfExists(this.setupFile);
    if (text === undefined) return;
    const kept = parsed<KeptSetup & { schemaVersion?: number }>(text);
    if (kept?.schemaVersion !== schemaVersion) {
      log(`Measuring again: ${this.setupFile} is ${kept ? "of another release" : "damaged"}`);
      return;
    }
    this.setup = kept;
    const lines = this.text().split("\n").slice(0, -1);
    this.records = lines.flatMap((line, index) => {
      const record = parsed<RunRecord>(line);
      if (!record) log(`${this.runs}:${index + 1} is damaged; that run is made again`);
      return record ?? [];
    });
  }

  keepSetup(setup: KeptSetup): void {
    const text = JSON.stringify({ schemaVersion, ...setup }, undefined, 2);
    this.write("setup.json", `${text}\n`);
    this.setup = JSON.parse(text) as KeptSetup;
  }

  add(record: RunRecord): void {
    mkdirSync(this.folder, { recursive: true });
    // The next line would be appended to the half of one that a kill has left.
    const text = this.text();
    if (text !== "" && !text.endsWith("\n")) writeFileSync(this.runs, text.slice(0, text.lastIndexOf("\n") + 1));
    const line = JSON.stringify(record);
    appendFileSync(this.runs, `${line}\n`);
    this.records = [...this.records, JSON.parse(line) as RunRecord];
  }

  /** Those of these runs that are still to be made: a disturbed one is made twice, and no more. */
  unfinished(runs: readonly PlannedRun[]): PlannedRun[] {
    const seen = new Set<string>();
    const done = new Set<string>();
    for (const { id, disturbed } of this.records) {
      if (disturbed !== true || seen.has(id)) done.add(id);
      seen.add(id);
    }
    return runs.filter(({ id }) => !done.has(id));
  }

  clear(): void {
    rmSync(this.runs, { force: true });
    rmSync(this.setupFile, { force: true });
    this.setup = undefined;
    this.records = [];
  }

  write(name: string, text: string): string {
    const file = path.join(this.folder, name);
    writeFileAtomically(file, text, 0o644);
    return file;
  }

  private text(): string {
    return readIfExists(this.runs) ?? "";
  }
}

/** Undefined for text that is no JSON object. */
function parsed<T extends object>(text: string): T | undefined {
  const value = parseJson(text);
  return typeof value === "object" && value !== null ? (value as T) : undefined;
}

/**
 * In words, what has changed of the conditions that decide the figures: runs before and after do not belong together. The
 * number of proxies and Services in the cluster may change.
 */
export function changesBetween(before: KeptSetup, now: KeptSetup): string[] {
  const [old, current] = [conditionsOf(before, now), conditionsOf(now, before)];
  return [...old].flatMap(([what, values]) => {
    const added = (current.get(what) ?? []).filter((each) => !values.includes(each));
    const removed = values.filter((each) => !current.get(what)?.includes(each));
    // A scenario that is new, or not measured any more, adds or removes images of its own.
    const isSame = what === "images" ? added.length * removed.length === 0 : added.length + removed.length === 0;
    return isSame ? [] : [`${what}: ${removed.join(", ") || "nothing"} became ${added.join(", ") || "nothing"}`];
  });
}

function conditionsOf({ revision = "default", environment, scenarios }: KeptSetup, other: KeptSetup) {
  const isMeasuredInBoth = ({ scenario }: ScenarioState) =>
    [scenarios, other.scenarios].every((states) =>
      states.some((each) => each.scenario === scenario && each.state === "measured"),
    );
  const proxies = scenarios
    .filter(isMeasuredInBoth)
    .flatMap((state) => (state.proxies ?? []).map((line) => `${state.scenario}: ${line}`));
  return new Map([
    ["revision", [revision]],
    ["Kubernetes", [environment.kubernetes]],
    ["Istio", [environment.istio]],
    ["mesh", (environment.mesh ?? []).filter((line) => !isCount(line))],
    ["proxies", proxies],
    ["images", [...environment.images]],
  ]);
}
