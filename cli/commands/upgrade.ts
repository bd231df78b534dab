import { UserError } from "../../components/shared/problem";
import { readStackFile, shownPath } from "../../components/settings/stack-file";
import { minorOf } from "../../components/settings/versions";
import { readStack } from "../../components/validation/stack";
import { clusterStatus } from "../../embedded/cluster/status";
import { declare, matching, UsageError } from "../command";
import { engineRequest } from "../engine/choose";
import { terminalQuestions } from "../interrupt";
import { Terminal } from "../report/terminal";
import { edited } from "../stack-edit";
import { chosenStack, commandFor, projectRoot, stackOptions } from "../stack-option";
import { showPreview } from "../upgrade/preview";
import { isPatch, products, titleOf, type Upgrade, upgradeOf } from "../upgrade/upgrade-plan";
import { upgradeSteps } from "../upgrade/upgrade-steps";
import { replaceStackFile } from "../write-file";

const version = {
  value: "version",
  parse: matching(/^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, "a version such as 1.31.1"),
} as const;

export const command = declare({
  name: "upgrade",
  summary: "raise a version in a stack file, say what its deployment does, and preview it",
  options: {
    ...stackOptions,
    istio: { ...version, text: "release of Istio" },
    talos: { ...version, text: "release of Talos; clusters of kind talos and docker" },
    kubernetes: { ...version, text: "release of Kubernetes; not of an existing cluster" },
    dryRun: { text: "only say what would change" },
    yes: { short: "y", text: "change the file without asking" },
  },
  details:
    "One version at a time, and no minor version is skipped: each is a deployment of its own. The stack file is changed in that\n" +
    "one place, and only where the result has no problems. Nothing is deployed: `npm start` or `pulumi up` does that.",
  exitCodes: { 0: "changed and previewed, or nothing to change", 1: "refused, not confirmed, or the preview failed" },
  async run({ istio, talos, kubernetes, dryRun, yes, ...given }) {
    const choice = chosenStack(given);
    const { stack, configFile } = choice;
    const wanted = { istio, talos, kubernetes };
    const [product, second] = products.filter((each) => wanted[each] !== undefined);
    if (product === undefined || second !== undefined) {
      throw new UsageError(`expected exactly one of: ${products.map((each) => `--${each}`).join(", ")}`);
    }
    const to = wanted[product] ?? "";
    const terminal = new Terminal();
    const before = readStackFile(configFile, projectRoot);
    const upgrade = upgradeOf(choice, product, to);
    const shown = shownPath(configFile, projectRoot);
    if (upgrade === undefined) {
      terminal.line(`${titleOf(product)} is ${to} already in ${shown}; nothing to change.`);
      return 0;
    }
    if (product === "kubernetes") await refuseEmbedded(stack);
    const { text, line } = edited(before, upgrade.edit);
    const { steps, back } = upgradeSteps(upgrade, readStack(projectRoot, configFile, { text }));
    terminal.lines(
      terminal.paint("bold", `${titleOf(product)} ${upgrade.from} -> ${upgrade.to}, ${shown}:${line}`),
      `- ${before.split(/\r?\n/)[line - 1]?.trim() ?? ""}`,
      `+ ${text.split(/\r?\n/)[line - 1]?.trim() ?? ""}`,
      "",
      "Steps of the deployment",
      ...steps.flatMap(({ what, traffic }, index) => [`  ${index + 1}. ${what}`, `     traffic: ${traffic}`]),
      back,
      ...(isPatch(upgrade) ? [] : [notesOf(upgrade)]),
      "",
    );
    if (dryRun) {
      terminal.line(`Nothing was written; without --dry-run, ${shown} is changed.`);
      return 0;
    }
    if (!yes && !(await confirmed(shown))) {
      terminal.line("Nothing was written.");
      return 1;
    }
    replaceStackFile(configFile, before, text);
    terminal.lines(`${shown} written. To go back before it is deployed: set ${upgrade.from} again.`, "");
    const request = engineRequest({ ...choice, config: configFile }, process.env);
    const code = await showPreview(request, before, terminal);
    if (code !== 0) terminal.errorLine(`The preview failed; ${shown} has the new version, and nothing was deployed.`);
    return code;
  },
});

function notesOf({ product, to }: Upgrade): string {
  const minor = minorOf(to);
  const pages = {
    istio: `https://istio.io/latest/news/releases/${minor}.x/announcing-${minor}/upgrade-notes`,
    talos: `https://github.com/siderolabs/talos/releases/tag/${to}`,
    kubernetes: `https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-${minor}.md`,
  };
  return `Read first: ${pages[product]}`;
}

/** An embedded cluster keeps its version: `up` refuses another one. */
async function refuseEmbedded(stack: string): Promise<void> {
  const { state, name = "" } = await clusterStatus(projectRoot, stack);
  if (state === "absent") return;
  throw new UserError(
    `The embedded cluster ${name} cannot be changed in place: \`${commandFor("npm run destroy", stack)}\` first; what is in it is lost.`,
  );
}

async function confirmed(file: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UserError(`There is no terminal to confirm on; pass --yes to change ${file}. Nothing was written.`);
  }
  const lines = terminalQuestions();
  try {
    return /^y(es)?$/i.test((await lines.question(`Change ${file}? [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
