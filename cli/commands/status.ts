import { readStack } from "../../components/validation/stack";
import { clusterStatus } from "../../embedded/cluster/status";
import { declare } from "../command";
import { chooseEngine, engineOptions, engineRequest } from "../engine/choose";
import { copiedFrom, recordedEngine } from "../engine/records";
import { Progress } from "../report/progress";
import { isHealthy, reportStatus } from "../report/outcome";
import { Terminal } from "../report/terminal";
import { commandFor, projectRoot } from "../stack-option";

export const command = declare({
  name: "status",
  summary: "show what is deployed, and what is missing or changed",
  options: engineOptions,
  details: "Changes nothing.",
  exitCodes: {
    0: "everything in the stack file is deployed and unchanged",
    1: "the stack is not deployed; or an object is missing, changed or not deployed yet; or the cluster cannot be reached",
  },
  async run(given) {
    const request = engineRequest(given, process.env);
    const { stack } = request;
    readStack(projectRoot, request.configFile);
    const terminal = new Terminal();
    const original = copiedFrom(projectRoot);
    const cluster = await clusterStatus(projectRoot, stack);
    const recorded = recordedEngine(request);
    if (original !== undefined || (recorded === undefined && cluster.state === "absent")) {
      terminal.line(`Stack ${stack} is not deployed; \`${commandFor("npm start", stack)}\` deploys it.`);
      if (original !== undefined)
        terminal.line(`(This project is a copy; .talos-mesh has the records of ${original}.)`);
      return 1;
    }
    if (recorded === undefined) {
      reportStatus(terminal, stack, cluster, "deployed by others");
      return 1;
    }
    const { engine, reason } = await chooseEngine({ ...request, install: false, env: process.env });
    terminal.line(`${terminal.paint("bold", engine.title)} (${reason}), stack ${stack}`);
    const observer = new Progress(terminal, true);
    const status = await engine.status({ ...request, observer });
    reportStatus(terminal, stack, cluster, status);
    return isHealthy(cluster, status) ? 0 : 1;
  },
});
