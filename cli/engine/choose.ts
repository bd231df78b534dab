import { UserError } from "../../components/shared/problem";
import { commandFor, devStackOptions, projectRoot, stackFileOf, type StackChoice } from "../stack-option";
import { UsageError } from "../command";
import type * as embeddedModule from "./embedded";
import type { Engine, EngineName } from "./engine";
import { findPulumi, installPulumi } from "./pulumi-cli";
import { pulumiEngine } from "./pulumi";
import { recordedEngine } from "./records";

const engineNames = ["pulumi", "embedded"] as const satisfies readonly EngineName[];
const engineVariable = "TALOS_MESH_ENGINE";

/** Options of the commands that deploy, destroy or inspect a stack. */
export const engineOptions = {
  ...devStackOptions,
  engine: {
    value: "engine",
    text: `default: the Pulumi CLI where there is one, else the embedded engine; also set by ${engineVariable}`,
    choices: engineNames,
  },
} as const;

/** Options of the commands that deploy or destroy a stack. */
export const changeOptions = {
  ...engineOptions,
  yes: { short: "y", text: "change an environment other than dev without confirmation" },
} as const;

export interface EngineRequest extends StackChoice {
  /** From `--engine`, else from TALOS_MESH_ENGINE. */
  readonly requested?: EngineName;
  readonly yes: boolean;
}

export function engineRequest(
  { stack, config, engine, yes = false }: { stack: string; config?: string; engine?: EngineName; yes?: boolean },
  env: NodeJS.ProcessEnv,
): EngineRequest {
  const name = env[engineVariable] ?? "";
  const requested = engine ?? engineNames.find((each) => each === name);
  if (requested === undefined && name !== "") {
    throw new UsageError(`${engineVariable} "${name}": expected one of: ${engineNames.join(", ")}`);
  }
  return { projectRoot, stack, configFile: config ?? stackFileOf(stack), requested, yes };
}

interface Choice extends Omit<EngineRequest, "configFile" | "yes"> {
  /** Whether the CLI may be downloaded where there is none. */
  readonly install: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress?: (text: string) => void;
}

/**
 * The engine for a stack, and why: the one that has deployed it; else the Pulumi CLI where it is installed or can be
 * downloaded; else the embedded engine. Each has a state of its own, so a stack keeps its engine.
 */
export async function chooseEngine(choice: Choice): Promise<{ readonly engine: Engine; readonly reason: string }> {
  const { requested, env } = choice;
  const deployedBy = recordedEngine(choice);
  if (deployedBy !== undefined && requested !== undefined && requested !== deployedBy) {
    throw new UserError(
      `The stack "${choice.stack}" was deployed by ${nameOf(deployedBy)}, and ${nameOf(requested)} has no state of it: ` +
        `it would create everything twice.\nRun \`${commandFor("npm run destroy", choice.stack)}\` first, or do not request ${requested}.`,
    );
  }
  const name = requested ?? deployedBy;
  const requestedReason = requested !== undefined ? "as requested" : "it has deployed this stack";
  if (name === "embedded") return { engine: embedded(), reason: requestedReason };

  const found = await findPulumi(env);
  if ("path" in found) {
    return { engine: pulumiEngine(found), reason: name === undefined ? `found ${found.path}` : requestedReason };
  }
  const installed = choice.install ? await installPulumi(env, choice.onProgress) : { problem: "" };
  if ("path" in installed) return { engine: pulumiEngine(installed), reason: `downloaded to ${installed.path}` };
  const problems = [found.problem, installed.problem].filter((problem) => problem !== "").join("; ");
  if (name === "pulumi") {
    throw new UserError(
      `The Pulumi CLI is needed (${requestedReason}), but ${problems}.\n` +
        "Install it (https://www.pulumi.com/docs/install/) and run this again.",
    );
  }
  return { engine: embedded(), reason: problems };
}

function embedded(): Engine {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- it loads the Pulumi SDK, which takes half a second
  return (require("./embedded") as typeof embeddedModule).embeddedEngine;
}

function nameOf(engine: EngineName): string {
  return engine === "pulumi" ? "the Pulumi CLI" : "the embedded engine";
}
