import type { Scenario } from "../metrics/record";
import type { BenchmarkPlan } from "../plan/plan";
import type { Estimate } from "../statistics/intervals";
import { type Figure, findFigure } from "./figures";

/** A figure of the article "Istio from A to Y" and ours. */
export interface ArticleRow {
  readonly what: string;
  readonly scenario: Scenario;
  readonly unit: string;
  /** Measured once, on other machines: Talos 1.7.4, Kubernetes 1.29.1, flannel. */
  readonly article: number;
  readonly ours?: Estimate;
  /** What limits the article's figure. */
  readonly note?: string;
}

type What = readonly [what: string, unit: string, arm: string, metric: string];
type Published = readonly [...What, scenario: Scenario, article: number, note?: string];

const fortio: What = ["fortio to details, 10 connections, 100/s, mean", "ms", "http-c10-q100-178B", "mean raw"];
const iperf: What = ["iperf, 1 stream", "Gbit/s", "tcp-1-upload", "throughput"];
const stream = ["Gbit/s", "tcp-1-upload", "throughput"] as const;
const streamNear = ["Gbit/s", "tcp-1-upload-same-node", "throughput"] as const;

/** Arm and metric are the corresponding ones of ours. */
const published: readonly Published[] = [
  [...fortio, "none", 2.8],
  [...fortio, "sidecar", 39.3],
  [...fortio, "ambient", 2.35, "the article's had connection errors"],
  [...iperf, "none", 3.62],
  [...iperf, "sidecar", 1.88, "the article's went through the ingress gateway"],
  [...iperf, "ambient", 2.12],
  ["netperf TCP_STREAM, other node (ours: iperf3, 1 stream)", ...stream, "none", 1.50668],
  ["netperf TCP_STREAM, same node (ours: iperf3, 1 stream)", ...streamNear, "none", 0.61056],
  ["netperf TCP_RR, other node (ours: fortio, 1 connection)", "1/s", "request-response", "rate", "none", 3340.77],
  [
    "netperf TCP_RR, same node (ours: fortio, 1 connection)",
    "1/s",
    "request-response-same-node",
    "rate",
    "none",
    13149.99,
  ],
  ["netperf TCP_CRR, other node (ours: fortio, HTTP)", "1/s", "connect", "rate", "none", 823.03],
  ["netperf TCP_CRR, same node (ours: fortio, HTTP)", "1/s", "connect-same-node", "rate", "none", 3106.7],
];

/** The article's figures, with ours where the same was measured. */
export function compareWithArticle(
  { target }: Pick<BenchmarkPlan, "target">,
  figures: readonly Figure[],
): ArticleRow[] {
  return published.map(([what, unit, arm, metric, scenario, article, note]) => {
    const isComparable = what !== fortio[0] || target === "details";
    const ours = isComparable ? findFigure(figures, [arm, scenario], metric)?.estimate : undefined;
    return { what, scenario, unit, article, ...(ours && { ours }), ...(note !== undefined && { note }) };
  });
}
