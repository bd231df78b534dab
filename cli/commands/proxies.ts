import path from "node:path";
import { parseArgs } from "node:util";
import { meshFindings, type MeshFindings } from "../../components/mesh/lifecycle/mesh-state";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { clusterAccess } from "../engine/cluster-access";
import { stackFileOf } from "../../embedded/program/stack-option";
import { stackSettings } from "../../embedded/program/stack-settings";
import { count, table } from "../report/format";
import { Terminal } from "../report/terminal";
import { stackOptions, withOptions } from "../options";

const projectRoot = path.resolve(__dirname, "../..");

const usage = `usage: npm run proxies [-- --stack STACK] [--config FILE] [--json]

  --stack STACK    the stack whose proxies are compared with their control planes  (default: dev)
  --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)
  --json           everything that was found, as JSON`;

interface Options {
  readonly stack: string;
  readonly config?: string;
  readonly json: boolean;
}

/**
 * `npm run proxies`: every pod with a proxy, its version and that of its control plane, as far as the API server tells; and
 * the agents on nodes. Whether a proxy has taken its last configuration, only istiod knows: istioctl proxy-status.
 *
 * @returns 0 where all is as its control plane; 1 where something is not; 2 where the options are wrong
 * @throws UserError, SettingsError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(usage, () => parse(argv), run);
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...stackOptions,
      stack: { type: "string", default: "dev" },
      json: { type: "boolean", default: false },
    },
  });
  const { stack, config, json, help } = values;
  return help ? undefined : { stack, config, json };
}

async function run({ stack, config, json }: Options): Promise<number> {
  const settings = stackSettings(projectRoot, stackFileOf(projectRoot, { stack, config }, "proxies"));
  const access = await clusterAccess({ projectRoot, stack }, settings, "proxies reads the cluster's kubeconfig");
  const found = await meshFindings(await ApiServer.open(access));
  if (json) console.log(JSON.stringify(found, undefined, 2));
  else report(found, new Terminal());
  if (!json && settings.cluster.kind === "embedded") {
    console.log("Nodes are simulated: no injector answers there, so that no pod is given a proxy.");
  }
  const wrong = [...found.proxies, ...found.agents].some(({ problem }) => problem !== undefined);
  return wrong || found.bare.length > 0 ? 1 : 0;
}

/** What a person reads of it. */
export function report(found: MeshFindings, terminal: Pick<Terminal, "line">): void {
  const unknown = (version: string | undefined) => version ?? "unknown";
  const parts = [
    ...found.controlPlanes.map((plane) => [
      `istiod, revision ${plane.revision}`,
      unknown(plane.version),
      plane.missing ?? "available",
    ]),
    ...found.agents.map((agent) => [agent.name, unknown(agent.version), agent.problem ?? "goes with istiod"]),
  ];
  for (const line of table(["control plane and agents", "version", "state"], parts)) terminal.line(line);
  terminal.line();
  if (found.proxies.length === 0 && found.bare.length === 0) {
    terminal.line("No pod has a proxy.");
    return;
  }
  const rows = found.proxies.map((proxy) => [
    `${proxy.namespace}/${proxy.pod}`,
    proxy.revision,
    unknown(proxy.version),
    unknown(proxy.controlPlane),
    proxy.problem ?? "as its control plane",
  ]);
  const bare = found.bare.map(({ namespace, pod }) => [
    `${namespace}/${pod}`,
    "none",
    "",
    "",
    "a sidecar is asked for, and it has none: restart it",
  ]);
  for (const line of table(["pod", "revision", "proxy", "istiod", "state"], [...rows, ...bare])) terminal.line(line);
  const wrong = found.proxies.filter(({ problem }) => problem !== undefined).length;
  const without = bare.length > 0 ? `; ${bare.length} without the one that is asked for` : "";
  terminal.line();
  terminal.line(`${count(found.proxies.length, "pod")} with a proxy, ${wrong} to look at${without}.`);
}
