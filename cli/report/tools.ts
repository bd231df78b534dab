import type { ToolProgress } from "../../embedded/tools/ensure-tools";
import type { Terminal } from "./terminal";

/** Reports tools that have to be obtained: that they are, and how far it is. Tools that exist are not reported. */
export function toolProgress(terminal: Terminal): (progress: ToolProgress) => void {
  const since = Date.now();
  const began = new Set<string>();
  return ({ tool, step, detail }) => {
    if (step === "ready") {
      terminal.show(undefined);
      if (began.has(tool)) terminal.line(`  ${tool}: ready${detail === undefined ? "" : ` (${detail})`}`);
      return;
    }
    if (step === "skip") return;
    if (!began.has(tool)) terminal.line(`  ${tool}: has to be obtained; this happens once`);
    began.add(tool);
    terminal.show({ text: `${tool}: ${step}${detail === undefined ? "" : ` ${detail}`}`, since });
  };
}
