import path from "node:path";
import { declare, filePath, UsageError } from "../command";
import { documents, rendered } from "../render/documents";
import { guardrailViolations, violationLines } from "../render/guardrails";
import { checkFolder, writeFolder } from "../render/output-folder";
import { chosenStack, stackOptions } from "../stack-option";

export const command = declare({
  name: "render",
  summary: "write every object, release and command of a stack to files",
  options: {
    ...stackOptions,
    out: {
      value: "folder",
      text: "folder for the files: new, empty, or that of an earlier render",
      parse: filePath,
    },
    guardrails: { text: "check them by the guardrails of the stack's environment; with or without --out" },
  },
  exitCodes: { 1: "refused, something failed, or a mandatory guardrail is violated" },
  async run({ out, guardrails, ...given }) {
    if (out === undefined && !guardrails) throw new UsageError("--out is missing; or add --guardrails");
    const choice = chosenStack(given);
    if (out !== undefined) checkFolder(out);
    const program = await rendered(choice);
    if (out !== undefined) {
      const files = documents(program);
      writeFolder(out, files);
      console.log(`${choice.stack}: ${files.size} files in ${path.relative(process.cwd(), out) || "."}`);
    }
    if (!guardrails) return 0;
    const found = guardrailViolations(choice, program);
    for (const line of violationLines(found)) console.log(line);
    const mandatory = found.filter(({ severity }) => severity === "mandatory").length;
    const advisory = found.length - mandatory;
    console.log(`${choice.stack}: ${mandatory} mandatory and ${advisory} advisory violations of the guardrails`);
    return mandatory > 0 ? 1 : 0;
  },
});
