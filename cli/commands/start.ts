import { readStack } from "../../components/validation/stack";
import { clusterStatus } from "../../embedded/cluster/status";
import { UserError } from "../../components/shared/problem";
import { declare } from "../command";
import { changeOptions, engineRequest } from "../engine/choose";
import { copiedFrom, dropCopiedRecords, recordedEngine, recordHome } from "../engine/records";
import { runEngine } from "../engine/run-engine";
import { reportDeployed } from "../report/outcome";
import { commandFor, projectRoot } from "../stack-option";

export const command = declare({
  name: "start",
  summary: "deploy a stack: dev, or the one that --stack names",
  options: changeOptions,
  exitCodes: { 0: "deployed, or nothing changed", 1: "refused, or something failed; running it again continues" },
  async run(given) {
    const startedAt = Date.now();
    const request = engineRequest(given, process.env);
    const { stack } = request;
    // Before anything else: a stack file with problems must not cost the time of obtaining tools.
    readStack(projectRoot, request.configFile);
    const original = copiedFrom(projectRoot);
    if (original !== undefined) {
      console.log(`! This project is a copy of ${original}. Its deployment stays as it is; this copy deploys its own.`);
      dropCopiedRecords(projectRoot);
    }
    await refuseClusterOfOthers(stack);
    const [start, destroy] = [commandFor("npm start", stack), commandFor("npm run destroy", stack)];
    return runEngine(request, {
      install: true,
      async work({ engine, run, progress, terminal }) {
        recordHome(projectRoot);
        const outputs = await engine.deploy(run);
        progress.close();
        reportDeployed(terminal, progress, outputs, startedAt);
      },
      advice: (stopped) =>
        `${stopped ? "Stopped" : "Not deployed"}. What was deployed so far is recorded: ` +
        `\`${start}\` continues from here, \`${destroy}\` removes it.`,
    });
  },
});

/** Refuses an embedded cluster that was deployed by hand. */
async function refuseClusterOfOthers(stack: string): Promise<void> {
  if (recordedEngine({ projectRoot, stack }) !== undefined) return;
  const { state, name = "" } = await clusterStatus(projectRoot, stack);
  if (state !== "running" && state !== "stopped") return;
  throw new UserError(
    `The embedded cluster ${name} of stack "${stack}" exists, and \`npm start\` has not created it; most likely \`pulumi up\` has. ` +
      "Two engines would work on one cluster.\n" +
      "Continue with `pulumi up`, or destroy it first: by `pulumi destroy`, or by " +
      `\`${commandFor("npm run destroy", stack)}\`, which removes the cluster with everything in it.`,
  );
}
