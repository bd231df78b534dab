import { renderVariable } from "../../components/settings/context";
import { runProgram, type ProgramResult } from "../../embedded/program/run-program";
import { documents, type Documents } from "./documents";
import { renderHost } from "./host";
import { secretPlaceholder } from "./placeholders";

export interface RenderRequest {
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  readonly stack: string;
  readonly configFile: string;
  /** Whether parts that this release does not build are left out, with a warning each, instead of refused. */
  readonly skipUnbuilt: boolean;
}

/** The files that say what a deployment would make. */
export async function render(request: RenderRequest): Promise<Documents> {
  return documents(await runUnmade(request));
}

/** Runs the program with nothing made and nothing looked at but the settings. */
export async function runUnmade(request: RenderRequest): Promise<ProgramResult> {
  const { projectRoot, stack, configFile, skipUnbuilt } = request;
  const before = process.env[renderVariable];
  process.env[renderVariable] = "1";
  try {
    return await runProgram({
      projectRoot,
      stack,
      configFile,
      host: renderHost,
      preview: true,
      secretValue: secretPlaceholder,
      main: skipUnbuilt ? "cli/render/skip-unbuilt-program.ts" : "index.ts",
    });
  } finally {
    if (before === undefined) delete process.env[renderVariable];
    else process.env[renderVariable] = before;
  }
}
