import type { Estimate } from "../statistics/compare";
import type { Figure } from "./figures";

/** A figure of the article "Istio from A to Y" beside ours. */
export interface ArticleRow {
  readonly what: string;
  readonly scenario: string;
  readonly unit: string;
  /** Measured once, on other machines: Talos 1.7.4, Kubernetes 1.29.1, flannel. */
  readonly article: number;
  readonly ours?: Estimate;
}

interface Published {
  readonly what: string;
  readonly unit: string;
  /** The figure of ours that is the same thing. */
  readonly arm: string;
  readonly metric: Figure["metric"];
  readonly values: Readonly<Partial<Record<Figure["scenario"], number>>>;
}

const published: readonly Published[] = [
  {
    what: "fortio to details, 10 connections, 100/s, mean",
    ...{ unit: "ms", arm: "http-c10-q100-178B", metric: "mean raw" },
    values: { none: 2.8, sidecar: 39.3, ambient: 2.35 },
  },
  {
    what: "iperf, 1 stream",
    ...{ unit: "Gbit/s", arm: "tcp-1-upload", metric: "throughput" },
    values: { none: 3.62, sidecar: 1.88, ambient: 2.12 },
  },
  {
    what: "netperf TCP_RR, other node (ours: fortio, 1 connection)",
    ...{ unit: "1/s", arm: "request-response", metric: "rate" },
    values: { none: 3340.77 },
  },
  {
    what: "netperf TCP_RR, same node (ours: fortio, 1 connection)",
    ...{ unit: "1/s", arm: "request-response-same-node", metric: "rate" },
    values: { none: 13149.99 },
  },
  {
    what: "netperf TCP_CRR, other node (ours: fortio, HTTP)",
    ...{ unit: "1/s", arm: "connect", metric: "rate" },
    values: { none: 823.03 },
  },
  {
    what: "netperf TCP_CRR, same node (ours: fortio, HTTP)",
    ...{ unit: "1/s", arm: "connect-same-node", metric: "rate" },
    values: { none: 3106.7 },
  },
];

/** The article's table, with ours where we measured the same thing. */
export function besideArticle(figures: readonly Figure[]): ArticleRow[] {
  return published.flatMap(({ what, unit, arm, metric, values }) =>
    Object.entries(values).map(([scenario, article]): ArticleRow => {
      const figure = figures.find((each) => each.arm === arm && each.scenario === scenario && each.metric === metric);
      return { what, scenario, unit, article, ...(figure && { ours: figure.estimate }) };
    }),
  );
}
