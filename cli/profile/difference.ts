import { isTree } from "../../components/shared/merge";
import type { ChartValues } from "./profile-values";

/** A value of a chart that two profiles set differently; undefined where one does not set it. */
export interface Difference {
  /** `meshConfig.accessLogFile` */
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What differs in a chart, or which side alone has it. */
export type ChartDifference = readonly Difference[] | "only before" | "only after";

/** Differences by chart; lists are compared as a whole. */
export function differences(before: ChartValues, after: ChartValues): Map<string, ChartDifference> {
  const charts = [...new Set([...before.keys(), ...after.keys()])];
  return new Map(
    charts.map((chart): [string, ChartDifference] => {
      const [a, b] = [before.get(chart), after.get(chart)];
      if (!a || !b) return [chart, a ? "only before" : "only after"];
      return [chart, differ(a, b, [])];
    }),
  );
}

function differ(before: unknown, after: unknown, path: readonly string[]): Difference[] {
  // A missing map is a map without keys, so that a difference is always one of single values.
  if (isTree(before) || isTree(after)) {
    const [a, b] = [before ?? {}, after ?? {}];
    if (isTree(a) && isTree(b)) {
      const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
      return keys.flatMap((key) => differ(a[key], b[key], [...path, key]));
    }
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ key: path.map(keyText).join("."), before, after }];
}

function keyText(key: string): string {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
}

/** A block for each chart, a line for each difference. */
export function differenceText(
  found: ReadonlyMap<string, ChartDifference>,
  [before, after]: readonly [before: string, after: string],
): string {
  return [...found]
    .map(([chart, difference]) => {
      if (difference === "only before") return `${chart}: only under ${before}`;
      if (difference === "only after") return `${chart}: only under ${after}`;
      if (difference.length === 0) return `${chart}: no difference`;
      const width = Math.max(...difference.map(({ key }) => key.length));
      const lines = difference.map(
        (each) => `  ${each.key.padEnd(width)}  ${show(each.before)} -> ${show(each.after)}`,
      );
      return [chart, ...lines].join("\n");
    })
    .join("\n");
}

function show(value: unknown): string {
  return value === undefined ? "(unset)" : JSON.stringify(value);
}
