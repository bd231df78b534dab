import type { ScenarioName } from "../metrics/record";
import type { BenchmarkPlan } from "../plan/plan";
import type { Estimate } from "../statistics/intervals";
import type { Figure } from "./figures";

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

interface Published {
  readonly what: string;
  readonly unit: string;
  /** The corresponding arm and metric of ours. */
  readonly arm: string;
  readonly metric: string;
  /** The server of the article's requests. @default either of ours */
  readonly target?: BenchmarkPlan["target"];
  readonly values: Readonly<Partial<Record<ScenarioName, number>>>;
  readonly notes?: Readonly<Partial<Record<ScenarioName, string>>>;
}

const published: readonly Published[] = [
  {
    what: "fortio to details, 10 connections, 100/s, mean",
    ...{ unit: "ms", arm: "http-c10-q100-178B", metric: "mean raw", target: "details" },
    values: { none: 2.8, sidecar: 39.3, ambient: 2.35 },
    notes: { ambient: "the article's had connection errors" },
  },
  {
    what: "iperf, 1 stream",
    ...{ unit: "Gbit/s", arm: "tcp-1-upload", metric: "throughput" },
    values: { none: 3.62, sidecar: 1.88, ambient: 2.12 },
    notes: { sidecar: "the article's went through the ingress gateway" },
  },
  {
    what: "netperf TCP_STREAM, other node (ours: iperf3, 1 stream)",
    ...{ unit: "Gbit/s", arm: "tcp-1-upload", metric: "throughput" },
    values: { none: 1.50668 },
  },
  {
    what: "netperf TCP_STREAM, same node (ours: iperf3, 1 stream)",
    ...{ unit: "Gbit/s", arm: "tcp-1-upload-same-node", metric: "throughput" },
    values: { none: 0.61056 },
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

/** The article's figures, with ours where the same was measured. */
export function compareWithArticle(
  { target }: Pick<BenchmarkPlan, "target">,
  figures: readonly Figure[],
): ArticleRow[] {
  return published.flatMap(({ what, unit, arm, metric, values, notes = {}, target: required = target }) =>
    (Object.entries(values) as [ScenarioName, number][]).map(([scenario, article]): ArticleRow => {
      const figure = figures.find((each) => each.arm === arm && each.scenario === scenario && each.metric === metric);
      const note = notes[scenario];
      const ours = required === target ? figure?.estimate : undefined;
      return { what, scenario, unit, article, ...(ours && { ours }), ...(note !== undefined && { note }) };
    }),
  );
}
