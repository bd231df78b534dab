import { mapLeaves } from "../program/secrets";
import { plan, runScript, type CommandInputs, type CommandOutputs, type RanCommand } from "./commands";
import { RunnerError } from "./errors";
import type { Made, Making } from "./making";
import type { Entry, Target } from "./record";
import type { Vault } from "./vault";

const nothing: CommandOutputs = { stdout: "", stderr: "" };

/** Runs what the change of a `command:local:Command` asks for, as the provider does: see `plan`. */
export async function makeCommand(making: Making): Promise<Made> {
  const { registration, recorded, host } = making;
  const { vault } = host;
  const unsupported = ["assetPaths", "archivePaths"].filter((key) => making.inputs[key] !== undefined);
  if (unsupported.length > 0) {
    throw new RunnerError(`${unsupported.join(", ")}: not supported here, needs the Pulumi CLI`);
  }
  const last = recorded?.status === "done" ? ranCommand(recorded, vault) : undefined;
  const inputs = ignoring(registration.ignoreChanges, making.inputs, last?.inputs);
  const fingerprint = vault.fingerprint(inputs);
  const todo = plan(inputs, last?.inputs, recorded?.fingerprint === fingerprint);
  const sealed = (outputs: CommandOutputs): Target => ({ kind: "command", sealed: vault.seal({ inputs, outputs }) });
  const made = (outputs: CommandOutputs, change: Made["change"], target = sealed(outputs)): Made => ({
    id: registration.name,
    state: { ...registration.inputs, ...outputs },
    ...{ change, fingerprint, target },
  });
  const run = async (script: string | undefined, by: CommandInputs, previous: CommandOutputs) =>
    script === undefined
      ? previous
      : runScript(script, by, {
          cwd: host.projectRoot,
          timeoutMs: making.timeout(last === undefined ? "create" : "update"),
          signal: host.signal,
          previous,
          secretOutput: registration.additionalSecretOutputs.includes("stdout") || holdsSecret(registration.inputs),
          onLine: making.progress,
        });

  if (last === undefined) {
    // A first run that is killed may have made something already: what deletes it must be known before.
    making.intend(sealed(nothing));
    return made(await run(inputs.create, inputs, nothing), "created");
  }
  switch (todo) {
    case "nothing":
      return made(last.outputs, "unchanged", recorded?.target);
    case "create":
    case "update":
      return made(await run(inputs.update ?? inputs.create, inputs, last.outputs), "updated");
    case "replace": {
      const deleteLast = () => run(last.inputs.delete, last.inputs, last.outputs);
      if (registration.deleteBeforeReplace === true) await deleteLast();
      const outputs = await run(inputs.create, inputs, nothing);
      if (registration.deleteBeforeReplace !== true) await deleteLast();
      return made(outputs, "replaced");
    }
  }
}

/** As the Pulumi CLI does it: an ignored input stays what it was at the last success. Whole inputs only. */
function ignoring(ignored: readonly string[], now: CommandInputs, last: CommandInputs | undefined): CommandInputs {
  const nested = ignored.filter((key) => /[.[]/.test(key));
  if (nested.length > 0) {
    throw new RunnerError(`ignoreChanges of ${nested.join(", ")}: not supported here, needs the Pulumi CLI`);
  }
  if (last === undefined) return now;
  const kept = ignored.map((key) => [key, last[key as keyof CommandInputs]]);
  return { ...now, ...(Object.fromEntries(kept) as Partial<CommandInputs>) };
}

/** What is known of a command's last success; undefined when its record cannot be opened. */
export function ranCommand(entry: Entry, vault: Vault): RanCommand | undefined {
  return entry.target.kind === "command" ? (vault.unseal(entry.target.sealed) as RanCommand | undefined) : undefined;
}

function holdsSecret(inputs: Record<string, unknown>): boolean {
  let found = false;
  mapLeaves(inputs, (leaf, _path, secret) => {
    found ||= secret;
    return leaf;
  });
  return found;
}
