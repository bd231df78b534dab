import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import { redactSecrets, runProgram } from "../program/run-program";
import type { RunObserver } from "../../cli/engine/engine";
import type { ToolProgress } from "../tools/ensure-tools";
import { Clusters } from "./clusters";
import { EmbeddedHost } from "./host";
import { removeEmptyFolders, removeTraces, stackLayout, type StackLayout } from "./layout";
import { alone } from "./lock";
import { labelOfEntry } from "./naming";
import { sameTarget } from "./making";
import { StackRecord } from "./record";
import { encrypted } from "./scope";
import { tearDown } from "./teardown";
import { Vault } from "./vault";

export interface RunnerOptions {
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  readonly stack: string;
  readonly observer: RunObserver;
  /** Asks the run to stop: nothing new begins, and what is under way is ended or given up. */
  readonly signal?: AbortSignal;
  readonly onTool?: (progress: ToolProgress) => void;
}

export interface ApplyOptions extends RunnerOptions {
  readonly configFile: string;
  /** The program, relative to the project. @default index.ts */
  readonly main?: string;
}

/**
 * Brings the stack to what its program asks for: makes and changes what is asked for, then deletes what is not any
 * more, then records the outputs.
 *
 * @returns what the program exported, secrets wrapped.
 * @throws UserError; what was made until then is recorded, so that running it again continues.
 */
export async function applyStack(options: ApplyOptions): Promise<Record<string, unknown>> {
  const { projectRoot, stack, configFile, main, signal } = options;
  const layout = stackLayout(projectRoot, stack);
  return alone(layout, async () => {
    const work = open(layout, options);
    const host = new EmbeddedHost(work);
    const { outputs } = await runProgram({
      ...{ projectRoot, stack, configFile, host, main, secretValue: encrypted },
      log: (severity, message) => {
        if (severity === "warning") options.observer.note(message);
      },
    });
    signal?.throwIfAborted();
    await removeObsolete(host, work);
    const shown = redactSecrets(outputs, "[secret]") as Record<string, unknown>;
    if (JSON.stringify(work.record.outputs) !== JSON.stringify(shown)) work.record.outputs = shown;
    return outputs;
  });
}

/** Takes down all that the record knows of; false when there was nothing. */
export async function destroyStack(options: RunnerOptions): Promise<boolean> {
  const layout = stackLayout(options.projectRoot, options.stack);
  if (!existsSync(layout.folder)) return false;
  const found = await alone(layout, async () => {
    const anything = StackRecord.exists(layout.state);
    if (anything) {
      const work = open(layout, options);
      await tearDown(work.record.all(), work);
    }
    removeTraces(layout);
    return anything;
  });
  removeEmptyFolders(layout);
  return found;
}

type Work = RunnerOptions & { readonly record: StackRecord; readonly vault: Vault; readonly clusters: Clusters };

function open(layout: StackLayout, options: RunnerOptions): Work {
  const { folder, state, key, helm } = layout;
  // Files of single Helm calls that a killed run could not remove; they hold credentials.
  rmSync(path.join(helm, "run"), { recursive: true, force: true });
  const record = StackRecord.open(state);
  const vault = Vault.open(key);
  const clusters = new Clusters({ record, vault, folder, signal: options.signal, onTool: options.onTool });
  return { ...options, record, vault, clusters };
}

async function removeObsolete(host: EmbeddedHost, work: Work): Promise<void> {
  const all = work.record.all();
  const current = all.filter(({ urn }) => host.registered.has(urn));
  const obsolete = all.filter(({ urn }) => !host.registered.has(urn));
  for (const entry of obsolete) {
    // Renamed in the program: the same thing outside has a new name inside.
    const successor = current.find(({ target }) => sameTarget(target, entry.target));
    if (successor !== undefined) work.record.remove(entry.urn);
  }
  const left = obsolete.filter(({ urn }) => work.record.get(urn) !== undefined);
  if (left.length === 0) return;
  work.observer.note(`No longer in the program, so deleted: ${left.map(labelOfEntry).join(", ")}.`);
  await tearDown(left, work);
}
