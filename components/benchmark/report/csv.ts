import { components } from "../measure/record";
import { type Metric, metrics, valueOf } from "./metrics";
import type { Report } from "./report";

const head = ["block", "arm", "scenario", "startedAt", "valid", "problems", "metric", "unit", "value"];

/** Every measured value on a line of its own, for spreadsheets and for R; the runs that do not count are marked. */
export function csvOf({ plan, runs }: Report): string {
  const rows = runs.flatMap((run) => {
    const arm = plan.arms.find(({ id }) => id === run.arm);
    const measured = (Object.keys(metrics) as Metric[]).flatMap((metric) => {
      const value = arm && valueOf(metric, arm, run);
      return value === undefined ? [] : [[metric, metrics[metric].unit, value] as const];
    });
    const used = components.flatMap((component) => {
      const usage = run.usage[component];
      if (!usage) return [];
      const memory = [`${component} memory`, "B", usage.memory] as const;
      return usage.cores === undefined ? [memory] : [[`${component} cpu`, "vCPU", usage.cores] as const, memory];
    });
    const stolen = (["client", "server"] as const).flatMap((side) => {
      const share = run.stolen?.[side];
      return share === undefined ? [] : [[`${side} node steal`, "%", 100 * share] as const];
    });
    const place = [run.block, run.arm, run.scenario, run.startedAt, run.problems.length === 0, run.problems.join("; ")];
    const values = [...measured, ...used, ...stolen];
    return values.length > 0 ? values.map((value) => [...place, ...value]) : [[...place, "", "", ""]];
  });
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** RFC 4180; a text that a spreadsheet would take for a formula is kept from being one. */
function cell(value: string | number | boolean): string {
  const text = String(value);
  if (typeof value !== "string" || !/[",\r\n]|^[=@+-]/.test(text)) return text;
  return `"${text.replace(/^([=@+-])/, "'$1").replaceAll('"', '""')}"`;
}
