import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { runProgram, type Registration, type ResourceHost } from "../../embedded/program/run-program";

export const projectRoot = path.resolve(__dirname, "../..");

type Sections = Readonly<Record<string, unknown>>;

export interface StackUnderTest {
  /** Stack whose file is taken, and the name the program sees. @default dev */
  readonly stack?: string;
  /** Sections of a stack file without their namespace, instead of the stack's own file. */
  readonly config?: Sections;
  /** Another stack file, instead of the stack's own; without changes it is read where it is. */
  readonly configFile?: string;
  /** Merged over the sections: maps by key, everything else replaces, `null` removes. */
  readonly overrides?: Sections;
  /** Outputs of a resource that are merged over its inputs and the fake outputs. */
  readonly outputsFor?: (registration: Registration) => Record<string, unknown> | undefined;
  /** Whether what only a deployment can know is unknown, instead of faked. @default false */
  readonly preview?: boolean;
  /** Another program than index.ts, relative to the project. */
  readonly main?: string;
}

/** Runs the program over a host that makes nothing; the network and the project's own state are left alone. */
export async function runStack(under: StackUnderTest = {}): Promise<StackRun> {
  const { stack = "dev", preview = false, main } = under;
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-test-"));
  try {
    const asGiven = !under.config && !under.overrides ? under.configFile : undefined;
    const configFile = asGiven ?? path.join(folder, `Pulumi.${stack}.yaml`);
    if (asGiven === undefined) writeFileSync(configFile, stackFile(under, stack));
    const host = fakeHost(preview, under.outputsFor);
    const run = { projectRoot, stack, configFile, host, preview, render: true, main };
    const { registrations, outputs } = await runProgram(run);
    return new StackRun(registrations, outputs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function stackFile({ config, configFile, overrides }: StackUnderTest, stack: string): string {
  const file = configFile ?? path.join(projectRoot, `Pulumi.${stack}.yaml`);
  if (!config && !overrides) return readFileSync(file, "utf8");
  const sections = config ? namespaced(config) : (parse(readFileSync(file, "utf8")) as { config: Sections }).config;
  return stringify({ config: merged(sections, namespaced(overrides ?? {})) });
}

function namespaced(sections: Sections): Sections {
  const entries = Object.entries(sections);
  return Object.fromEntries(entries.map(([key, value]) => [key.includes(":") ? key : `talos-mesh:${key}`, value]));
}

function merged(base: Sections, over: Sections): Sections {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    if (value === null) delete result[key];
    else result[key] = isMap(below) && isMap(value) ? merged(below, value) : value;
  }
  return result;
}

function isMap(value: unknown): value is Sections {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fakeHost(preview: boolean, outputsFor: StackUnderTest["outputsFor"]): ResourceHost {
  return {
    register: (registration) => {
      const { type, name, inputs } = registration;
      const faked = type === "command:local:Command" && !preview ? { stdout: `stdout of ${name}`, stderr: "" } : {};
      return Promise.resolve({
        id: preview ? undefined : `${name}-id`,
        state: { ...inputs, ...faked, ...outputsFor?.(registration) },
      });
    },
  };
}

/** What a program asked for, and questions that tests put to it. */
export class StackRun {
  private readonly byUrn: ReadonlyMap<string, Registration>;

  constructor(
    readonly registrations: readonly Registration[],
    /** What the program exported; secrets wrapped. */
    readonly outputs: Record<string, unknown>,
  ) {
    this.byUrn = new Map(registrations.map((registration) => [registration.urn, registration]));
  }

  /** All of a type token (`kubernetes:core/v1:Namespace`), or of its last part (`Namespace`). */
  byType(type: string): readonly Registration[] {
    return this.registrations.filter((each) => each.type === type || each.type.endsWith(`:${type}`));
  }

  /** The one of this type, and of this name where there are several. */
  one(type: string, name?: string): Registration {
    const found = this.byType(type).filter((each) => name === undefined || each.name === name);
    const [only] = found;
    const names = (found.length > 0 ? found : this.byType(type)).map((each) => each.name).join(", ");
    assert.ok(only && found.length === 1, `${found.length} of ${type} ${name ?? ""}; there are: ${names || "none"}`);
    return only;
  }

  childrenOf(parent: Registration): readonly Registration[] {
    return this.registrations.filter((each) => each.parent === parent.urn);
  }

  /**
   * Whether `dependent` waits for `dependency`, directly or through others: by `dependsOn`, through an input, or
   * because it is its provider. A dependency on a component is one on everything in it.
   */
  dependsOn(dependent: Registration, dependency: Registration): boolean {
    const seen = new Set<string>();
    const open = [...this.requirements(dependent)];
    for (let urn = open.pop(); urn !== undefined; urn = open.pop()) {
      if (urn === dependency.urn) return true;
      const next = this.byUrn.get(urn);
      if (!next || seen.has(urn)) continue;
      seen.add(urn);
      open.push(...this.requirements(next));
    }
    return false;
  }

  private requirements({ dependencies, parent, provider }: Registration): readonly string[] {
    // A child waits until its parent is registered, and with it for what the parent waits for. A provider reference is
    // its URN, `::`, and its id.
    return [
      ...dependencies,
      ...(parent ? [parent] : []),
      ...(provider ? [provider.slice(0, provider.lastIndexOf("::"))] : []),
    ];
  }
}
