import { once } from "node:events";
import type { ClusterAccess } from "../../components/shared/kubernetes/api-server";
import { UserError } from "../../components/shared/problem";
import { declare, portOf } from "../command";
import { AddonInCluster, forward } from "../dashboard/forward";
import { pageOf, pages, type StackPage } from "../dashboard/page";
import { clusterAccess } from "../engine/pulumi-cli";
import { onInterrupt } from "../interrupt";
import { Terminal } from "../report/terminal";
import { devStackOptions, openStack } from "../stack-option";

export const command = declare({
  name: "dashboard",
  summary: "forward a port to the page of an addon",
  arguments: { addon: { choices: pages } },
  options: {
    ...devStackOptions,
    port: { value: "port", text: "port on this machine; 0 is any free one (default: the addon's own)", parse: portOf },
    showPassword: { text: "print the password or token for the login, instead of the command that prints it" },
  },
  async run({ addon, port, showPassword, ...given }) {
    const opened = openStack(given);
    const { stack, settings } = opened;
    const page = pageOf(settings, addon, stack);
    const access = await clusterAccess(opened, "dashboard reads the cluster's kubeconfig");
    return show(page, { port, showPassword, stack }, access);
  },
});

/** Opens the port, prints where the page is and how to log in, and waits for Ctrl-C. */
export async function show(
  page: StackPage,
  { port = page.port, showPassword, stack }: { port?: number; showPassword: boolean; stack: string },
  access: ClusterAccess,
  terminal = new Terminal(),
): Promise<number> {
  const addon = await AddonInCluster.open(access, page, (message) => terminal.line(message));
  const { pod } = await addon.ready();
  const opened = await forward(port, addon, (message) => terminal.errorLine(message));
  const stop = onInterrupt(() => undefined);
  try {
    terminal.line(`${page.page} of stack ${stack} (pod ${pod}): http://localhost:${opened.port}${page.path}`);
    for (const line of await loginLines(page, addon, showPassword)) terminal.line(line);
    terminal.line("Ctrl-C ends it.");
    await once(stop.signal, "abort");
  } finally {
    stop.release();
    await opened.close();
  }
  return 0;
}

async function loginLines(page: StackPage, addon: AddonInCluster, reveal: boolean): Promise<readonly string[]> {
  const { login, namespace } = page;
  if (login.kind === "none") return ["It has no login: keep the port to yourself."];
  const credential = reveal ? await addon.credential() : undefined;
  if (reveal && credential === undefined) {
    throw new UserError(`${page.page} has no credentials in namespace ${namespace}.`);
  }
  const shown = (command: string) => credential ?? `kubectl -n ${namespace} ${command}   (or --show-password)`;
  if (login.kind === "token") return [`Token: ${shown(`create token ${login.serviceAccount}`)}`];
  const template = `'{{index .data "${login.key}" | base64decode}}'`;
  return [`User:     ${login.user}`, `Password: ${shown(`get secret ${login.secret} -o go-template=${template}`)}`];
}
