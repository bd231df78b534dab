import { renderVariable } from "../../components/settings/context";
import { runProgram, type ProgramResult, type ResourceHost } from "../../embedded/program/run-program";
import { documents, type Documents, secretPlaceholder } from "./documents";

export interface RenderRequest {
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  readonly stack: string;
  readonly configFile: string;
}

/** Deploys nothing: a resource is its inputs, and what only a deployment can know is unknown, as in a preview. */
export const renderHost: ResourceHost = {
  register: ({ inputs }) => Promise.resolve({ state: { ...inputs } }),
};

/** The files that show what a deployment would create. */
export async function render(request: RenderRequest): Promise<Documents> {
  return documents(await runWithoutDeploying(request));
}

/** Runs the program without a cluster, a network, or another process. */
async function runWithoutDeploying(request: RenderRequest): Promise<ProgramResult> {
  const { projectRoot, stack, configFile } = request;
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
    });
  } finally {
    if (before === undefined) delete process.env[renderVariable];
    else process.env[renderVariable] = before;
  }
}
