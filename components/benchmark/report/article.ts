import type { BenchmarkPlan } from "../plan/plan";
import type { Estimate } from "../statistics/intervals";
import published from "./article-figures.json";
import { type Figure, findFigure } from "./figures";

/** A figure of the article "Istio from A to Y" and ours. */
export interface ArticleRow {
  readonly what: string;
  readonly scenario: string;
  readonly unit: string;
  /** Measured once, on other machines: Talos 1.7.4, Kubernetes 1.29.1, flannel. */
  readonly article: number;
  readonly ours?: Estimate;
  /** What limits the article's figure. */
  readonly note?: string;
}

/** The article's figures, with ours where the same was measured. */
export function compareWithArticle(
  { target }: Pick<BenchmarkPlan, "target">,
  figures: readonly Figure[],
): ArticleRow[] {
  return published.flatMap(({ target: only = target, arm, metric, what, unit, figures: rows }) =>
    rows.map((row) => {
      const ours = only === target ? findFigure(figures, [arm, row.scenario], metric)?.estimate : undefined;
      return { what, unit, ...row, ...(ours && { ours }) };
    }),
  );
}
