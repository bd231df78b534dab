import { redactSecrets } from "../../embedded/program/run-program";
import { inspectStack } from "../../embedded/engine/inspect-stack";
import { removeEmptyFolders, stackLayout } from "../../embedded/engine/layout";
import { StackRecord } from "../../embedded/engine/record";
import { applyStack, destroyStack } from "../../embedded/engine/run";
import { checkScope } from "../../embedded/engine/scope";
import type { Engine } from "./engine";
import { forgetEngine, recordEngine } from "./records";

/** Runs the program in this process and applies what it asks for: for machines where the Pulumi CLI cannot be had. */
export const embeddedEngine: Engine = {
  name: "embedded",
  title: "embedded engine",
  printsProgress: false,
  async deploy(run) {
    checkScope(run);
    recordEngine(run, "embedded");
    try {
      return redactSecrets(await applyStack(run), "[secret]") as Record<string, unknown>;
    } finally {
      // Refused before anything was made: bad settings must not tie the stack to this engine.
      const layout = stackLayout(run.projectRoot, run.stack);
      if (!StackRecord.exists(layout.state)) forgetEngine(run);
      removeEmptyFolders(layout);
    }
  },
  destroy: destroyStack,
  status: inspectStack,
};
