import { deployStack, refuseUnsupportedStack } from "../../embedded/engine/deploy";
import { destroyStack } from "../../embedded/engine/destroy";
import { stackStatus } from "../../embedded/engine/status";
import { clusterStatus } from "../../embedded/cluster/status";
import type { Engine } from "./engine";
import { forgetEngine, recordEngine } from "./records";

/** Runs the program in this process and applies what it registers: for machines without the Pulumi CLI. */
export const embeddedEngine: Engine = {
  name: "embedded",
  title: "embedded engine",
  printsProgress: false,
  async deploy(run) {
    refuseUnsupportedStack(run);
    recordEngine(run, "embedded");
    try {
      return await deployStack(run);
    } finally {
      // Bad settings, for instance, must not bind the stack to this engine.
      if ((await clusterStatus(run.projectRoot, run.stack)).state === "absent") forgetEngine(run);
    }
  },
  destroy: destroyStack,
  status: stackStatus,
};
