import { clusterStatus } from "../../embedded/cluster/status";
import { declare } from "../command";
import { chooseEngine, engineOptions, engineRequest } from "../engine/choose";
import { copiedFrom } from "../engine/home";
import { recordedEngine } from "../engine/recorded";
import { wantedOf } from "../engine/wanted";
import { Progress } from "../report/progress";
import { isHealthy, reportStatus } from "../report/status";
import { Terminal } from "../report/terminal";
import { commandFor, projectRoot } from "../stack-option";

export const command = declare({
  name: "status",
  summary: "show what is deployed, and what is missing or changed",
  options: engineOptions,
  details: `Changes nothing.

Exit codes
  0    everything in the stack file is deployed and unchanged
  1    not deployed, or something is missing, changed, not deployed yet, or cannot be reached
  2    the command line is wrong`,
  async run(given) {
    const request = engineRequest(given, process.env);
    const { stack } = request;
    const terminal = new Terminal();
    const original = copiedFrom(projectRoot);
    const cluster = await clusterStatus(projectRoot, stack);
    if (original !== undefined || (recordedEngine(request) === undefined && cluster.state === "absent")) {
      terminal.line(`Stack ${stack} is not deployed; \`${commandFor("npm start", stack)}\` deploys it.`);
      if (original !== undefined)
        terminal.line(`(This project is a copy; .talos-mesh has the records of ${original}.)`);
      return 1;
    }
    const { engine, reason } = await chooseEngine({ ...request, install: false, env: process.env });
    terminal.line(`${terminal.paint("bold", engine.title)} (${reason}), stack ${stack}`);
    const run = { ...request, observer: new Progress(terminal) };
    const status = await engine.status(run);
    const wanted = await wantedOf(run).catch(() => undefined);
    const deployed = status?.deployed;
    const notDeployed = deployed && wanted?.filter(({ urn }) => !deployed.has(urn));
    reportStatus(terminal, stack, cluster, status, notDeployed);
    return isHealthy(cluster, status, notDeployed) ? 0 : 1;
  },
});
