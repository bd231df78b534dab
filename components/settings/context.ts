import path from "node:path";
import * as pulumi from "@pulumi/pulumi";

export interface ProgramContext {
  readonly stack: string;
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  /** Whether objects are only written to files: nothing but the settings may be read. */
  readonly render: boolean;
}

/** Set by `npm run render`. */
export const renderVariable = "TALOS_MESH_RENDER";

/** The stack file, where it is not the one in the project's folder; set by the embedded engine and by commands. */
export const stackFileVariable = "TALOS_MESH_STACK_FILE";

export function programContext(): ProgramContext {
  return {
    stack: pulumi.getStack(),
    projectRoot: path.resolve(__dirname, "..", ".."),
    render: process.env[renderVariable] === "1",
  };
}
