import type { Change } from "../engine/engine";
import { type LayerSummary, type Progress, total } from "./progress";
import { count, elapsed, table, type Terminal } from "./terminal";

/** Prints the result of a deployment: layers, outputs and notes. */
export function reportDeployed(
  terminal: Terminal,
  { summary, silent }: Progress,
  outputs: Readonly<Record<string, unknown>>,
  startedAt: number,
): void {
  terminal.lines("", ...layerTable(summary.all(), { times: !silent }));
  reportOutputs(terminal, outputs);
  const took = elapsed(Date.now() - startedAt);
  terminal.lines("", terminal.paint("bold", summary.changed ? `Deployed in ${took}.` : `Nothing changed (${took}).`));
}

/** Prints outputs and notes, without secrets. */
export function reportOutputs(terminal: Terminal, outputs: Readonly<Record<string, unknown>>): void {
  const { notes, ...others } = outputs;
  const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const lines = Object.entries(others)
    .filter(([, value]) => value !== "[secret]" && value !== undefined)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map(
        (each, index) => `  ${(index === 0 ? name : "").padEnd(18)} ${textOf(each)}`,
      ),
    );
  if (lines.length > 0) terminal.lines("", "Outputs", ...lines);
  if (!Array.isArray(notes) || notes.length === 0) return;
  terminal.lines("", "Notes", ...notes.map((note) => `  - ${textOf(note)}`));
}

export function reportDestroyed(terminal: Terminal, { summary, silent }: Progress, startedAt: number): void {
  const layers = summary.all();
  terminal.line();
  if (layers.length > 0) terminal.lines(...layerTable(layers, { columns: ["deleted"], times: !silent }), "");
  const deleted = layers.reduce((sum, { counts }) => sum + counts.deleted, 0);
  const took = elapsed(Date.now() - startedAt);
  terminal.line(terminal.paint("bold", `Destroyed ${count(deleted, "object")} in ${took}; nothing is left.`));
}

/** The table of layers, with a column for each kind of change, and for the time where it is known. */
export function layerTable(
  layers: readonly LayerSummary[],
  {
    columns = ["created", "updated", "unchanged"],
    times = true,
  }: { readonly columns?: readonly Change[]; readonly times?: boolean } = {},
): string[] {
  const present = (["replaced", "deleted"] as const).filter(
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
