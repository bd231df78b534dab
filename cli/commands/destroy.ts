import { forceVariable } from "../../components/cluster/stacks/marker";
import { deleteCluster } from "../../embedded/cluster/delete";
import { clusterStatus } from "../../embedded/cluster/status";
import { declare } from "../command";
import { changeOptions, engineRequest } from "../engine/choose";
import { copiedFrom, dropCopiedRecords, recordedEngine } from "../engine/records";
import { runEngine } from "../engine/run-engine";
import { reportDestroyed } from "../report/outcome";
import { commandFor, projectRoot } from "../stack-option";

export const command = declare({
  name: "destroy",
  summary: "destroy a stack and remove everything that was deployed",
  options: {
    ...changeOptions,
    force: { text: "destroy a cluster although another stack is on it" },
  },
  details: "Needs the records of the deployment only, not a valid stack file.",
  exitCodes: {
    0: "nothing is left, or there was nothing",
    1: "refused, or something failed; running it again continues",
  },
  async run({ force, ...given }) {
    const startedAt = Date.now();
    // Read by the step that would fail, which inherits it from the Pulumi CLI.
    if (force) process.env[forceVariable] = "1";
    const request = engineRequest(given, process.env);
    const { stack } = request;
    const original = copiedFrom(projectRoot);
    if (original !== undefined) {
      console.log(
        `Stack ${stack}: nothing to destroy. This project is a copy of ${original}, whose deployment stays as it is.`,
      );
      dropCopiedRecords(projectRoot);
      return 0;
    }
    if (recordedEngine(request) === undefined && (await clusterStatus(projectRoot, stack)).state === "absent") {
      console.log(`Stack ${stack}: nothing to destroy.`);
      return 0;
    }
    return runEngine(request, {
      install: false,
      async work({ engine, run, progress, terminal }) {
        const found = await engine.destroy(run);
        const unrecorded = await removeUnrecordedCluster(stack, (line) => progress.note(line));
        progress.close();
        if (found) reportDestroyed(terminal, progress, startedAt);
        else terminal.line(unrecorded ? "Removed the embedded cluster with everything in it." : "Nothing to destroy.");
      },
      advice: () =>
        `Not everything is removed. What is left is recorded: \`${commandFor("npm run destroy", stack)}\` continues from here.`,
    });
  },
});

/** An embedded cluster without records: one of `pulumi up`, or one whose records were removed. */
async function removeUnrecordedCluster(stack: string, log: (line: string) => void): Promise<boolean> {
  const { state, name } = await clusterStatus(projectRoot, stack);
  if (state === "absent") return false;
  if (name !== undefined) {
    log("If `pulumi up` has created this cluster, run `pulumi destroy` too: its state still lists the cluster.");
  }
  await deleteCluster(projectRoot, stack, log);
  return true;
}
