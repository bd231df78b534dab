import type { ToolProgress } from "../../embedded/tools/ensure-tools";
import type { Terminal } from "./terminal";

/** Tells of a tool being obtained: that it was, and meanwhile how far it is. What is there already is not told. */
export function toolNews(terminal: Terminal): (progress: ToolProgress) => void {
  const since = Date.now();
  const began = new Set<string>();
  return ({ tool, step, detail }) => {
    if (step === "ready") {
      terminal.show(undefined);
      if (began.has(tool)) terminal.line(`  ${tool}: ready${detail === undefined ? "" : ` (${detail})`}`);
      return;
    }
    if (step === "skip") return;
    if (!began.has(tool)) terminal.line(`  ${tool}: has to be obtained first; this happens once`);
    began.add(tool);
    terminal.show({ text: `${tool}: ${step}${detail === undefined ? "" : ` ${detail}`}`, since });
  };
}
