import path from "node:path";
import type { ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { AddonInCluster } from "../dashboard/cluster";
import { forward } from "../dashboard/forward";
import { type DashboardOptions, parseDashboardOptions, usage } from "../dashboard/options";
import { pageOf, type StackPage } from "../dashboard/page";
import { clusterAccess } from "../engine/cluster-access";
import { onInterrupt } from "../engine/interrupt";
import { UserError } from "../../embedded/program/errors";
import { stackFileOf } from "../../embedded/program/stack-option";
import { stackSettings } from "../../embedded/program/stack-settings";
import { Terminal } from "../report/terminal";
import { withOptions } from "../options";

const projectRoot = path.resolve(__dirname, "../..");

/**
 * `npm run dashboard`: opens a port of this machine to an addon's page, says where it is and how to log in, and waits
 * for Ctrl-C.
 *
 * @returns 0 when stopped; 2 where the options are wrong
 * @throws UserError, SettingsError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(usage, () => parseDashboardOptions(argv), run);
}

async function run(options: DashboardOptions): Promise<number> {
  const { stack } = options;
  const settings = stackSettings(projectRoot, stackFileOf(projectRoot, options, "dashboard"));
  const page = pageOf(settings, options.page, stack);
  const access = await clusterAccess({ projectRoot, stack }, settings, "dashboard reads the cluster's kubeconfig");
  return show(page, options, access);
}

/** From when the port is open until somebody stops it. */
export async function show(
  page: StackPage,
  { port, showPassword, stack }: Pick<DashboardOptions, "port" | "showPassword" | "stack">,
  access: ClusterAccess,
  terminal = new Terminal(),
): Promise<number> {
  const addon = await AddonInCluster.open(access, page, (message) => terminal.line(message));
  const { pod } = await addon.ready();
  const opened = await forward(port ?? page.port, addon, (message) => terminal.errorLine(message));
  const stop = onInterrupt(() => undefined);
  try {
    terminal.line(`${page.page} of stack ${stack} (pod ${pod}): http://localhost:${opened.port}${page.path}`);
    for (const line of await loginLines(page, addon, showPassword)) terminal.line(line);
    terminal.line("Ctrl-C ends it.");
    await new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    stop.release();
    await opened.close();
  }
  return 0;
}

async function loginLines(page: StackPage, addon: AddonInCluster, show: boolean): Promise<readonly string[]> {
  const { login, namespace } = page;
  if (login.kind === "none") return ["No login is asked for: keep the port to yourself."];
  const credential = show ? await addon.credential() : undefined;
  if (show && credential === undefined)
    throw new UserError(`${page.page} has no credentials in namespace ${namespace}.`);
  const command =
    login.kind === "password"
      ? `kubectl -n ${namespace} get secret ${login.secret} -o go-template='{{index .data "${login.key}" | base64decode}}'`
      : `kubectl -n ${namespace} create token ${login.serviceAccount}`;
  return [
    ...(login.kind === "password" ? [`User:     ${login.user}`] : []),
    `${login.kind === "password" ? "Password" : "Token"}: ${credential ?? `${command}   (or --show-password)`}`,
  ];
}
