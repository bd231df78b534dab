import path from "node:path";
import * as pulumi from "@pulumi/pulumi";

/** Where and what for the program runs; the settings say everything else. */
export interface ProgramContext {
  /** Name of the stack: `dev`, `staging`, ... */
  readonly stack: string;
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  /** Whether objects are only written to files: nothing may be looked at but the settings. */
  readonly render: boolean;
}

/** Set by `npm run render`. */
export const renderVariable = "TALOS_MESH_RENDER";

export function programContext(): ProgramContext {
  return {
    stack: pulumi.getStack(),
    projectRoot: path.resolve(__dirname, "..", ".."),
    render: process.env[renderVariable] === "1",
  };
}
