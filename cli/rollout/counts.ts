import { instantQuery, type Sample } from "../prometheus";
import type { Counted } from "./judge";
import { own } from "../../components/shared/own";

interface Asked {
  /** Of the observability addons. */
  readonly observability: string;
  readonly service: string;
  readonly namespace: string;
  /** A Prometheus duration: `10m`. */
  readonly window: string;
}

/**
 * What Prometheus counted of the requests to each version of a service, by the pods' label `version`: the servers' sidecars
 * report them, and in ambient the waypoint; ztunnel reports none.
 *
 * @param read gets a path of the API server
 */
export async function countsByVersion(
  read: (path: string) => Promise<unknown>,
  { observability, service, namespace, window }: Asked,
): Promise<ReadonlyMap<string, Counted>> {
  const of = `reporter=~"destination|waypoint", destination_service_name="${service}", destination_service_namespace="${namespace}"`;
  const sum = (by: string, metric: string) =>
    `sum by (destination_version, ${by}) (increase(${metric}{${of}}[${window}]))`;
  const [requests, buckets] = await Promise.all([
    instantQuery(read, observability, sum("response_code", "istio_requests_total")),
    instantQuery(read, observability, sum("le", "istio_request_duration_milliseconds_bucket")),
  ]);
  const versions = new Set(requests.map((sample) => label(sample, "destination_version")));
  return new Map(
    [...versions].map((version) => {
      const mine = (sample: Sample) => label(sample, "destination_version") === version;
      const own = requests.filter(mine);
      const failed = own.filter((sample) => /^(5..|0)$/.test(label(sample, "response_code")));
      const histogram = buckets
        .filter(mine)
        .map((sample) => ({ le: bound(label(sample, "le")), count: valueOf(sample) }));
      return [version, { requests: total(own), errors: total(failed), buckets: histogram.sort((a, b) => a.le - b.le) }];
    }),
  );
}

/** Of several versions together. */
export function addedUp(all: readonly Counted[]): Counted {
  const bounds = [...new Set(all.flatMap(({ buckets }) => buckets.map(({ le }) => le)))].sort((a, b) => a - b);
  const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  return {
    requests: sumOf(all.map(({ requests }) => requests)),
    errors: sumOf(all.map(({ errors }) => errors)),
    buckets: bounds.map((le) => ({
      le,
      count: sumOf(all.map(({ buckets }) => buckets.find((bucket) => bucket.le === le)?.count ?? 0)),
    })),
  };
}

function total(samples: readonly Sample[]): number {
  return samples.reduce((sum, sample) => sum + valueOf(sample), 0);
}

/** `increase` extrapolates to the window, and gives fractions of requests. */
function valueOf({ value: [, text] }: Sample): number {
  return Math.round(Number(text));
}

function bound(text: string): number {
  return text === "+Inf" ? Infinity : Number(text);
}

function label({ metric }: Sample, name: string): string {
  return own(metric, name) ?? "";
}
