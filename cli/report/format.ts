import type { Change } from "../engine/engine";
import { total, type LayerSummary } from "./summary";

/** `0.4s`, `12s`, `3m 05s`. */
export function elapsed(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, "0")}s`;
}

export function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? "" : "s"}`;
}

/** Lines with a heading and aligned columns; columns of numbers are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) => row.map(String));
  const numeric = head.map((_, column) => column > 0 && cells.every((row) => /^[\d.]/.test(row[column] ?? "")));
  return columns([head, ...cells], numeric);
}

/** Lines with aligned columns. */
export function columns(rows: readonly (readonly string[])[], toRight: readonly boolean[] = []): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, column) => (toRight[column] ? cell.padStart(width(column)) : cell.padEnd(width(column))))
      .join("  ")
      .trimEnd(),
  );
}

const always: readonly Change[] = ["created", "updated", "unchanged"];
const whenPresent: readonly Change[] = ["replaced", "deleted"];

/** The table of layers, with a column for each change that there was. */
export function layerTable(layers: readonly LayerSummary[], columns: readonly Change[] = always): string[] {
  const present = whenPresent.filter(
    (each) => !columns.includes(each) && layers.some(({ counts }) => counts[each] > 0),
  );
  const changes = [...columns, ...present];
  const failures = layers.some(({ failed }) => failed > 0);
  return table(
    ["layer", "objects", ...changes, ...(failures ? ["failed"] : []), "time"],
    layers.map((summary) => [
      summary.layer,
      total(summary) + summary.failed,
      ...changes.map((each) => summary.counts[each]),
      ...(failures ? [summary.failed] : []),
      elapsed(summary.busyMs),
    ]),
  );
}
