import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A Kubernetes object, as far as it takes to find it again. */
export interface ObjectTarget {
  readonly kind: "object";
  readonly apiVersion: string;
  readonly objectKind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  /** Hash of the fields that are ours; another value means that someone else has taken one over. */
  readonly owned?: string;
  /** It was there before this stack, so a destroy leaves it. */
  readonly foreign?: boolean;
}

export interface ReleaseTarget {
  readonly kind: "release";
  readonly name: string;
  readonly namespace: string;
  /** Seconds that an uninstall may take. */
  readonly timeout: number;
}

/** `sealed` holds the inputs and outputs of the last success (`RanCommand`). */
export interface CommandTarget {
  readonly kind: "command";
  readonly sealed: string;
}

/** `sealed` holds the kubeconfig and the context (`ClusterAccess`). */
export interface ProviderTarget {
  readonly kind: "provider";
  readonly sealed: string;
}

export type Target = ObjectTarget | ReleaseTarget | CommandTarget | ProviderTarget;

/** One resource that this stack has made, or is about to make. */
export interface Entry {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly layer: string;
  /** `intended`: its making has begun, and may or may not have happened. */
  readonly status: "intended" | "done";
  /** Keyed hash of the inputs of the last success. */
  readonly fingerprint?: string;
  /** Order of completion. */
  readonly sequence: number;
  /** URNs that must outlive it. */
  readonly dependencies: readonly string[];
  readonly parent?: string;
  /** URN of the provider it goes through. */
  readonly provider?: string;
  /** URN of the resource that takes it along when it goes. */
  readonly deletedWith?: string;
  readonly protect?: boolean;
  readonly retainOnDelete?: boolean;
  readonly target: Target;
}

interface RecordFile {
  readonly version: 1;
  readonly sequence: number;
  readonly resources: readonly Entry[];
  /** Outputs of the last complete run, secrets left out. */
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/**
 * What the embedded runner has made in one stack. It is written after every step, renamed into place, so that a run
 * killed at any moment leaves a whole file that says at least everything that was begun.
 */
export class StackRecord {
  private entries = new Map<string, Entry>();
  private sequence = 0;
  private lastOutputs: Readonly<Record<string, unknown>> | undefined;

  private constructor(private readonly file: string) {}

  static exists(file: string): boolean {
    return existsSync(file);
  }

  /** @throws Error when the file is not one this version can read. */
  static open(file: string): StackRecord {
    const record = new StackRecord(file);
    if (!existsSync(file)) return record;
    const read = parse(file);
    record.entries = new Map(read.resources.map((entry) => [entry.urn, entry]));
    record.sequence = read.sequence;
    record.lastOutputs = read.outputs;
    return record;
  }

  get(urn: string): Entry | undefined {
    return this.entries.get(urn);
  }

  /** In order of completion. */
  all(): Entry[] {
    return [...this.entries.values()].sort((a, b) => a.sequence - b.sequence);
  }

  get outputs(): Readonly<Record<string, unknown>> | undefined {
    return this.lastOutputs;
  }

  set outputs(outputs: Readonly<Record<string, unknown>> | undefined) {
    this.lastOutputs = outputs;
    this.save();
  }

  /** Records an entry as the latest step. */
  put(entry: Omit<Entry, "sequence">): void {
    this.sequence += 1;
    this.entries.set(entry.urn, { ...entry, sequence: this.sequence });
    this.save();
  }

  /** Keeps what an entry refers to under another name, so that it is cleaned away after its successor stands. */
  setAside(entry: Entry): void {
    this.entries.set(`${entry.urn}#${entry.sequence}`, { ...entry, urn: `${entry.urn}#${entry.sequence}` });
    this.entries.delete(entry.urn);
    this.save();
  }

  remove(urn: string): void {
    this.entries.delete(urn);
    this.save();
  }

  private save(): void {
    const content: RecordFile = {
      version: 1,
      sequence: this.sequence,
      resources: this.all(),
      ...(this.lastOutputs && { outputs: this.lastOutputs }),
    };
    mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 });
    const part = `${this.file}.part`;
    writeFileSync(part, `${JSON.stringify(content, undefined, 1)}\n`, { mode: 0o600 });
    renameSync(part, this.file);
  }
}

function parse(file: string): RecordFile {
  let read: Partial<RecordFile> | undefined;
  try {
    read = JSON.parse(readFileSync(file, "utf8")) as Partial<RecordFile>;
  } catch (error) {
    throw new Error(`${file} cannot be read (${(error as Error).message}). It records what this stack has made.`);
  }
  if (read.version !== 1 || !Array.isArray(read.resources) || read.sequence === undefined) {
    throw new Error(
      `${file} was written by another version of talos-mesh (format ${String(read.version)}, this one reads 1). ` +
        "Run destroy with the version that wrote it.",
    );
  }
  return read as RecordFile;
}
