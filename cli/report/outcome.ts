import type { Change } from "../engine/engine";
import { type LayerSummary, type Progress, total } from "./progress";
import { count, elapsed, table, type Terminal } from "./terminal";

/** Prints the result of a deployment: layers, outputs and notes. */
export function reportDeployed(
  terminal: Terminal,
  progress: Progress,
  outputs: Readonly<Record<string, unknown>>,
  startedAt: number,
): void {
  const { summary } = progress;
  terminal.line();
  for (const line of layerTable(summary.all(), { times: !progress.silent })) terminal.line(line);
  reportOutputs(terminal, outputs);
  const took = elapsed(Date.now() - startedAt);
  terminal.line();
  terminal.line(terminal.paint("bold", summary.changed ? `Deployed in ${took}.` : `Nothing changed (${took}).`));
}

/** Prints outputs and notes, without secrets. */
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
    for (const line of layerTable(layers, { columns: ["deleted"], times: !progress.silent })) terminal.line(line);
    terminal.line();
  }
  const deleted = layers.reduce((sum, { counts }) => sum + counts.deleted, 0);
  const took = elapsed(Date.now() - startedAt);
  terminal.line(terminal.paint("bold", `Destroyed ${count(deleted, "object")} in ${took}; nothing is left.`));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const always: readonly Change[] = ["created", "updated", "unchanged"];
const whenPresent: readonly Change[] = ["replaced", "deleted"];

/** The table of layers, with a column for each kind of change, and for the time where it is known. */
export function layerTable(
  layers: readonly LayerSummary[],
  { columns = always, times = true }: { readonly columns?: readonly Change[]; readonly times?: boolean } = {},
): string[] {
  const present = whenPresent.filter(
    (each) => !columns.includes(each) && layers.some(({ counts }) => counts[each] > 0),
  );
  const changes = [...columns, ...present];
  const failures = layers.some(({ failed }) => failed > 0);
  return table(
    ["layer", "objects", ...changes, ...(failures ? ["failed"] : []), ...(times ? ["time"] : [])],
    layers.map((summary) => [
      summary.layer,
      total(summary) + summary.failed,
      ...changes.map((each) => summary.counts[each]),
      ...(failures ? [summary.failed] : []),
      ...(times ? [elapsed(summary.busyMs)] : []),
    ]),
  );
}
