import type { Estimate } from "../statistics/compare";

/** Three digits that count, and no more zeros than that: `0.0213`, `2.13`, `213`, `21300`. */
export function number(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** `2.10 [1.90, 2.40]`, or the median alone where there is no interval. */
export function withInterval({ median, interval }: Pick<Estimate, "median" | "interval">): string {
  return interval ? `${number(median)} [${number(interval.low)}, ${number(interval.high)}]` : number(median);
}

/** Seconds as `45 s`, `12 min`, `2 h 05 min`. */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
