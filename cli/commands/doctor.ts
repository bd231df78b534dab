import { existsSync } from "node:fs";
import type { Model } from "../../components/model/model";
import { shownPath } from "../../components/settings/stack-file";
import { UserError } from "../../components/shared/problem";
import { readStack } from "../../components/validation/stack";
import { declare } from "../command";
import { certificateChecks } from "../doctor/certificates";
import { clusterChecks, openCluster } from "../doctor/cluster";
import { examine, exitCode, failure, type Finding, type Found, ok, once, type DoctorContext } from "../doctor/doctor";
import { machineChecks } from "../doctor/machine";
import { readDeployment, stateChecks } from "../doctor/state";
import { talosChecks } from "../doctor/talos-nodes";
import { versionChecks } from "../doctor/versions";
import { columns, count, Terminal } from "../report/terminal";
import { chosenStack, devStackOptions, projectRoot, type StackChoice } from "../stack-option";

const checks = [
  ...machineChecks,
  ...stateChecks,
  ...clusterChecks,
  ...talosChecks,
  ...certificateChecks,
  ...versionChecks,
];

export const command = declare({
  name: "doctor",
  summary: "check tools, state, access, clocks, disks, certificates and versions, and say what to do",
  options: { ...devStackOptions, json: { text: "the findings as JSON: level, subject, where, message, next" } },
  details:
    "Changes nothing, and needs nothing installed or deployed. All checks run at once; one that fails or takes too long hides no\n" +
    "other. `npm run status` compares what is deployed with the stack file instead.",
  exitCodes: { 0: "no error; warnings are for you to decide", 1: "an error" },
  async run({ json, ...given }) {
    const findings = await diagnosis(chosenStack(given), process.env);
    if (json) console.log(JSON.stringify(findings, undefined, 2));
    else report(findings, new Terminal());
    return exitCode(findings);
  },
});

async function diagnosis(choice: StackChoice, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const { model, finding } = readModel(choice);
  const ended = new AbortController();
  const deployment = once(() => readDeployment(choice, env, ended.signal));
  const server = once(() => openCluster({ ...choice, model, deployment }));
  const context: DoctorContext = { ...choice, model, env, now: Date.now(), deployment, server };
  try {
    return [{ subject: "stack file", ...finding }, ...(await examine(context, checks))];
  } finally {
    // A CLI that has not answered within the limits of the checks.
    ended.abort();
  }
}

/** Without a model, the checks that need one are left out. */
function readModel({ configFile }: StackChoice): {
  readonly model?: Model;
  readonly finding: Found;
} {
  const where = shownPath(configFile, projectRoot);
  try {
    const model = readStack(projectRoot, configFile);
    const { settings, cluster } = model;
    return {
      model,
      finding: ok(where, `valid: ${settings.environment}, ${cluster.summary}, Istio ${settings.mesh.version}`),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const next = existsSync(configFile)
      ? "correct it; what depends on it is not checked"
      : "npm run new -- --stack NAME writes one";
    return { finding: failure(where, error.message, next) };
  }
}

const marks = {
  ok: ["✓", "green"],
  warning: ["!", "yellow"],
  error: ["✗", "red"],
  "not known": ["?", "yellow"],
} as const;

export function report(findings: readonly Finding[], terminal: Pick<Terminal, "lines" | "paint">): void {
  const rows = columns(findings.map(({ subject, where, message }) => [subject, where, message.split("\n")[0] ?? ""]));
  findings.forEach(({ level, message, next }, at) => {
    const [mark, color] = marks[level];
    terminal.lines(`${terminal.paint(color, mark)} ${rows[at]}`);
    const [, ...more] = message.split("\n");
    terminal.lines(...more.map((line) => `    ${line}`));
    if (next !== undefined) terminal.lines(`    -> ${next}`);
  });
  const of = (level: Finding["level"]) => findings.filter((finding) => finding.level === level).length;
  terminal.lines(
    "",
    `${count(of("error"), "error")}, ${count(of("warning"), "warning")}, ${of("not known")} not known, ${of("ok")} fine.`,
  );
}
