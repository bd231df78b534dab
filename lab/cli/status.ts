import path from "node:path";
import { chooseEngine } from "../engine/choose";
import { optionsOrUsage } from "../engine/options";
import { recordedEngine } from "../engine/recorded";
import { clusterStatus } from "../embedded/status";
import { Progress } from "../report/progress";
import { isHealthy, reportStatus } from "../report/status";
import { Terminal } from "../report/terminal";

const projectRoot = path.resolve(__dirname, "../..");

/**
 * `npm run status`: what is there of a stack, compared with what was deployed. Changes nothing.
 *
 * @returns 0 where everything is there as it was deployed; 1 otherwise; 2 where the options are wrong
 */
export async function main(argv: readonly string[]): Promise<number> {
  const options = optionsOrUsage(argv, "npm run status", { projectRoot, env: process.env });
  if (options === undefined) return 2;
  const terminal = new Terminal();
  const { stack } = options;
  const cluster = await clusterStatus(projectRoot, stack);
  if (recordedEngine({ projectRoot, stack }) === undefined && cluster.state === "absent") {
    terminal.line(`Stack ${stack} is not deployed; \`npm start\` deploys it.`);
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
  const status = await engine.status({ ...options, projectRoot, observer: new Progress(terminal) });
  reportStatus(terminal, cluster, status);
  return isHealthy(cluster, status) ? 0 : 1;
}
