import path from "node:path";
import { clusterStatus } from "../../embedded/cluster/status";
import { chooseEngine } from "../engine/choose";
import { copiedFrom } from "../engine/home";
import { commandFor, optionsOrUsage } from "../engine/options";
import { recordedEngine } from "../engine/recorded";
import { wantedOf } from "../engine/wanted";
import { Progress } from "../report/progress";
import { isHealthy, reportStatus } from "../report/status";
import { Terminal } from "../report/terminal";

const projectRoot = path.resolve(__dirname, "../..");

const exitCodes = {
  0: "everything that the stack file asks for is there, as it was deployed",
  1: "not deployed, or something is missing, changed, not made yet, or not to be reached",
  2: "the options are wrong",
};

/**
 * `npm run status`: what is there of a stack, compared with what was deployed and with what the stack file asks for.
 * Changes nothing.
 *
 * @returns see `exitCodes`
 */
export async function main(argv: readonly string[]): Promise<number> {
  const command = { command: "npm run status", exitCodes };
  const options = optionsOrUsage(argv, command, { projectRoot, env: process.env });
  if (typeof options === "number") return options;
  const terminal = new Terminal();
  const { stack } = options;
  const original = copiedFrom(projectRoot);
  const cluster = await clusterStatus(projectRoot, stack);
  if (original !== undefined || (recordedEngine({ projectRoot, stack }) === undefined && cluster.state === "absent")) {
    terminal.line(`Stack ${stack} is not deployed; \`${commandFor("npm start", stack)}\` deploys it.`);
    if (original !== undefined) terminal.line(`(What .talos-mesh records is a copy, and about ${original}.)`);
    return 1;
  }
  const { engine, why } = await chooseEngine({
    ...options,
    projectRoot,
    wanted: options.engine,
    install: false,
    env: process.env,
  });
  terminal.line(`${terminal.paint("bold", engine.title)} (${why}), stack ${stack}`);
  const run = { ...options, projectRoot, observer: new Progress(terminal) };
  const status = await engine.status(run);
  const wanted = await wantedOf(run).catch(() => undefined);
  const deployed = status?.deployed;
  const notMade = deployed && wanted?.filter(({ urn }) => !deployed.has(urn));
  reportStatus(terminal, stack, cluster, status, notMade);
  return isHealthy(cluster, status, notMade) ? 0 : 1;
}
