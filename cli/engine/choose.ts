import { UserError } from "../../embedded/program/errors";
import { embeddedEngine } from "./embedded";
import type { Engine, EngineName } from "./engine";
import { commandFor } from "./options";
import { findPulumi, installPulumi } from "./pulumi-cli";
import { pulumiEngine } from "./pulumi";
import { recordedEngine } from "./recorded";

export interface ChosenEngine {
  readonly engine: Engine;
  /** A half-sentence: why it is this one. */
  readonly why: string;
}

export interface EngineChoice {
  readonly projectRoot: string;
  readonly stack: string;
  /** What the person asked for. */
  readonly wanted?: EngineName;
  /** Whether the CLI may be downloaded where there is none. */
  readonly install: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress?: (text: string) => void;
}

/**
 * The engine for a stack: the one that has deployed it; else the Pulumi CLI where there is one or where its vendor can
 * be reached; else the embedded runner. Both keep their own record, so a stack never changes engines on the way.
 *
 * @throws UserError when the engine that is needed cannot be had.
 */
export async function chooseEngine(choice: EngineChoice): Promise<ChosenEngine> {
  const { wanted, env } = choice;
  const deployedBy = recordedEngine(choice);
  if (deployedBy !== undefined && wanted !== undefined && wanted !== deployedBy) {
    throw new UserError(
      `The stack "${choice.stack}" was deployed by ${nameOf(deployedBy)}, and ${nameOf(wanted)} knows nothing of what is there: ` +
        `going on with it would make everything twice.\nRun \`${commandFor("npm run destroy", choice.stack)}\` first, or leave out the choice of ${wanted}.`,
    );
  }
  const name = wanted ?? deployedBy;
  const because = wanted !== undefined ? "as asked for" : "it has deployed this stack";
  if (name === "embedded") return { engine: embeddedEngine, why: because };

  const found = await findPulumi(env);
  if ("path" in found) {
    return { engine: pulumiEngine(found), why: name === undefined ? `found ${found.path}` : because };
  }
  const installed = choice.install ? await installPulumi(env, choice.onProgress) : { problem: "" };
  if ("path" in installed) return { engine: pulumiEngine(installed), why: `downloaded to ${installed.path}` };
  const problems = [found.problem, installed.problem].filter((problem) => problem !== "").join("; ");
  if (name === "pulumi") {
    throw new UserError(
      `The Pulumi CLI is needed (${because}), but ${problems}.\n` +
        "Install it (https://www.pulumi.com/docs/install/) and run this again.",
    );
  }
  return { engine: embeddedEngine, why: problems };
}

function nameOf(engine: EngineName): string {
  return engine === "pulumi" ? "the Pulumi CLI" : "the embedded runner";
}
