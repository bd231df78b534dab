import { deleteCluster } from "./delete";
import { parseRequest, requestVariable } from "./request";
import { clusterStatus } from "./status";
import { up } from "./up";

/**
 * The command line of `embedded-cluster.cjs`. Standard output is the result only (the kubeconfig, or the status as
 * JSON), because Pulumi keeps it as the command's output; what a person reads goes to standard error.
 *
 * @returns the exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  try {
    const verb = args[0];
    if (verb !== "up" && verb !== "delete" && verb !== "status") {
      throw new Error(`usage: embedded-cluster.cjs up|delete|status, with the cluster in ${requestVariable}`);
    }
    const request = parseRequest(process.env[requestVariable]);
    const root = process.cwd();
    if (verb === "up") process.stdout.write(await up(root, request, say));
    else if (verb === "delete") await deleteCluster(root, request.stack, say);
    else process.stdout.write(`${JSON.stringify(await clusterStatus(root, request.stack), undefined, 2)}\n`);
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  }
}
