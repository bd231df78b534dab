import { renderVariable } from "../../components/settings/context";
import { runProgram, type ResourceHost } from "../../embedded/program/run-program";
import type { StackChoice } from "../stack-option";
import { documents, type Documents, secretPlaceholder } from "./documents";

/** Deploys nothing: a resource is its inputs, and what only a deployment can know is unknown, as in a preview. */
export const renderHost: ResourceHost = {
  register: ({ inputs }) => Promise.resolve({ state: { ...inputs } }),
};

/** The files that show what a deployment would create. Needs no cluster, no network, and no other process. */
export async function render(choice: StackChoice): Promise<Documents> {
  const before = process.env[renderVariable];
  process.env[renderVariable] = "1";
  try {
    return documents(await runProgram({ ...choice, host: renderHost, preview: true, secretValue: secretPlaceholder }));
  } finally {
    if (before === undefined) delete process.env[renderVariable];
    else process.env[renderVariable] = before;
  }
}
