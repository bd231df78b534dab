import { count, elapsed, layerTable } from "./format";
import type { Progress } from "./progress";
import type { Terminal } from "./terminal";

/** Prints what a deployment came to: the layers, the outputs, and what else there is to know. */
export function reportDeployed(
  terminal: Terminal,
  progress: Progress,
  outputs: Readonly<Record<string, unknown>>,
  startedAt: number,
): void {
  const { summary } = progress;
  terminal.line();
  for (const line of layerTable(summary.all())) terminal.line(line);
  reportOutputs(terminal, outputs);
  const took = elapsed(Date.now() - startedAt);
  terminal.line();
  terminal.line(terminal.paint("bold", summary.changed ? `Deployed in ${took}.` : `Nothing changed (${took}).`));
}

/** Prints the outputs people use. Values that the program keeps secret are not shown. */
export function reportOutputs(terminal: Terminal, outputs: Readonly<Record<string, unknown>>): void {
  const { notes, ...others } = outputs;
  const shown = Object.entries(others).filter(([, value]) => value !== "[secret]" && value !== undefined);
  if (shown.length > 0) {
    terminal.line();
    terminal.line("Outputs");
  }
  for (const [name, value] of shown) {
    if (Array.isArray(value) && value.length === 0) continue;
    const lines = Array.isArray(value) ? value.map(textOf) : [textOf(value)];
    lines.forEach((line, index) => terminal.line(`  ${(index === 0 ? name : "").padEnd(18)} ${line}`));
  }
  if (!Array.isArray(notes) || notes.length === 0) return;
  terminal.line();
  terminal.line("Notes");
  for (const note of notes) terminal.line(`  - ${textOf(note)}`);
}

export function reportDestroyed(terminal: Terminal, progress: Progress, startedAt: number): void {
  const layers = progress.summary.all();
  terminal.line();
  if (layers.length > 0) {
    for (const line of layerTable(layers, ["deleted"])) terminal.line(line);
    terminal.line();
  }
  const deleted = layers.reduce((sum, { counts }) => sum + counts.deleted, 0);
  const took = elapsed(Date.now() - startedAt);
  terminal.line(terminal.paint("bold", `Destroyed ${count(deleted, "object")} in ${took}; nothing is left.`));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
