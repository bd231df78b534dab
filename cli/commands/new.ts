import { existsSync } from "node:fs";
import path from "node:path";
import { UserError } from "../../components/shared/problem";
import { readStack } from "../../components/validation/stack";
import { declare, flagOf } from "../command";
import { terminalQuestions } from "../interrupt";
import { answersOf, type Ask, problemOf, type Question, type QuestionKey, questions, valuesOf } from "../new/questions";
import { nextSteps, stackTemplate } from "../new/stack-template";
import { chosenStack, projectRoot, stackFileOf, stackOptions } from "../stack-option";
import { writeNewFile } from "../write-file";

/** The flag that answers a question. */
const answer = (key: QuestionKey, value: string) => ({ value, text: summary(questions[key]) });

export const command = declare({
  name: "new",
  summary: "write a commented stack file, from a few questions or from flags",
  options: {
    ...stackOptions,
    kind: answer("kind", "kind"),
    environment: answer("environment", "name"),
    endpoint: answer("endpoint", "url"),
    controlPlanes: answer("controlPlanes", "list"),
    workers: answer("workers", "list"),
    installDisk: answer("installDisk", "device"),
    kubeconfig: answer("kubeconfig", "file"),
    dataPlane: answer("dataPlane", "name"),
    application: answer("application", "name"),
    service: answer("service", "service"),
    gateway: answer("gateway", "type"),
    addresses: answer("addresses", "range"),
    host: answer("host", "name"),
    addons: answer("addons", "set"),
    storageClass: answer("storageClass", "name"),
  },
  details:
    "Asks for what no flag gives. Without a terminal, nothing is asked: what has no default has to be given.\n" +
    "An existing file is never changed. Versions are those that this release is tested with.",
  async run({ stack, config, ...flags }) {
    const { stack: name, configFile } = chosenStack({ stack, config });
    const shown = path.relative(process.cwd(), configFile);
    if (existsSync(configFile)) {
      throw new UserError(`${shown} is there already, and is not changed; name another stack, or edit the file.`);
    }
    const terminal = process.stdin.isTTY && process.stdout.isTTY;
    const asking = terminal ? askOnTerminal() : undefined;
    const answers = await answersOf(flags, flagOf, asking?.ask).finally(asking?.close);
    const text = stackTemplate({ stack: name, configFile, projectRoot }, answers);
    // What a question cannot check by itself, such as two machines with one address.
    readStack(projectRoot, configFile, { text });
    writeNewFile(configFile, text);
    const option = configFile === stackFileOf(name) ? `--stack ${name}` : `--stack ${name} --config ${shown}`;
    console.log([`${shown} written.`, "", ...nextSteps(name, option, answers)].join("\n"));
    return 0;
  },
});

function summary(question: Question): string {
  const values = valuesOf(question, {});
  return values ? `${question.text}: ${values.join(", ")}` : question.text;
}

function askOnTerminal(): { readonly ask: Ask; readonly close: () => void } {
  const lines = terminalQuestions();
  const ask: Ask = async (question, given) => {
    const choices = question.choices?.(given) ?? [];
    const fallback = question.fallback?.(given);
    console.log(question.text);
    for (const [value, meaning] of choices) console.log(`  ${value.padEnd(12)}  ${meaning}`);
    for (;;) {
      const typed = (await lines.question(fallback === undefined ? "> " : `[${fallback}] > `)).trim() || fallback;
      const problem = typed === undefined ? "needed" : problemOf(typed, question, given);
      if (problem === undefined && typed !== undefined) return typed;
      console.log(`  ${problem}`);
    }
  };
  return { ask, close: () => lines.close() };
}
