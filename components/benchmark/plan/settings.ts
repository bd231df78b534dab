import { bookinfo } from "../../apps/bookinfo";
import { imageReference } from "../../model/images";
import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import type { ImagesSettings } from "../../settings/sections/images";
import { benchmarkImages, officialHub } from "../../settings/versions";
import { milliseconds } from "../../shared/duration";

/** Settings that are resolved under another name, or do not decide what is measured. */
type Other = "preset" | "duration" | "warmUp" | "tcpDuration" | "idle" | "images" | "budgets" | "baseline" | "runId";

/** The settings with every default filled in; times in seconds. */
export interface ResolvedBenchmark extends Readonly<Required<Omit<BenchmarkSettings, Other>>> {
  /** The server of HTTP requests: fortio's own, or Bookinfo's details as in the article. */
  readonly target: "fortio" | "details";
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly tcpSeconds: number;
  readonly idleSeconds: number;
  readonly images: Readonly<Required<BenchmarkSettings["images"]>>;
}

const defaults = {
  target: "fortio",
  scenarios: ["none", "sidecar"],
  qps: [100, 1000],
  connections: [10],
  payloadSizes: [1024],
  keepAlive: [true],
  grpc: false,
  tcpStreams: [1, 4, 8],
  transactions: true,
  seconds: 60,
  warmUpSeconds: 15,
  tcpSeconds: 30,
  idleSeconds: 30,
} as const satisfies Partial<ResolvedBenchmark>;

const presets: Readonly<Record<NonNullable<BenchmarkSettings["preset"]>, Partial<ResolvedBenchmark>>> = {
  // "Istio from A to Y": fortio with 10 connections and 100 requests a second to details, iperf for 10 s. The length of the
  // response of details is fixed.
  article: { target: "details", qps: [100], payloadSizes: [178], tcpStreams: [1], tcpSeconds: 10 },
  // istio/tools, perf/benchmark: README and configs/istio.
  "istio-tools": {
    connections: [2, 4, 8, 16, 32, 64],
    qps: [1000],
    seconds: 240,
    tcpStreams: [],
    transactions: false,
  },
};

const images = {
  ...benchmarkImages,
  details: `${officialHub}/${bookinfo.image("details", "v1")}:${bookinfo.version}`,
};

/** `--quick`: enough blocks for intervals, each as short as possible, so that the intervals are wide. */
const quick = { blocks: 7, seconds: 5, warmUpSeconds: 1, tcpSeconds: 3, idleSeconds: 5 } as const;

export function resolveBenchmark(
  settings: BenchmarkSettings,
  options: { readonly quick?: boolean } = {},
): ResolvedBenchmark {
  const { duration, warmUp, tcpDuration, idle, preset, images: own, ...given } = settings;
  const times: Partial<ResolvedBenchmark> = {
    seconds: secondsOf(duration),
    warmUpSeconds: secondsOf(warmUp),
    tcpSeconds: secondsOf(tcpDuration),
    idleSeconds: secondsOf(idle),
  };
  return {
    ...defaults,
    ...(preset && presets[preset]),
    ...withoutUndefined(given),
    ...withoutUndefined(times),
    images: { ...images, ...withoutUndefined(own) },
    ...(options.quick === true && quick),
  };
}

function secondsOf(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : milliseconds(duration) / 1000;
}

function withoutUndefined<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

/** The references by which images are pulled, with the hub, mirrors and digests of `talos-mesh:images`. */
export function pulledImages(settings: BenchmarkSettings, images: ImagesSettings): ResolvedBenchmark["images"] {
  const { fortio, iperf3, details } = resolveBenchmark(settings).images;
  const detailsUnderHub = settings.images.details ?? details.replace(officialHub, images.hub);
  const reference = (image: string) => imageReference(images, image);
  return { fortio: reference(fortio), iperf3: reference(iperf3), details: reference(detailsUnderHub) };
}

/** The images of a benchmark's pods, each with its source: the publisher's name for it, or that of the settings. */
export function runImages(
  settings: BenchmarkSettings,
  images: ImagesSettings,
): readonly { readonly image: string; readonly source: string }[] {
  const { target, images: sources } = resolveBenchmark(settings);
  const pulled = pulledImages(settings, images);
  const names = ["fortio", "iperf3", ...(target === "details" ? (["details"] as const) : [])] as const;
  return names.map((name) => ({ image: pulled[name], source: sources[name] }));
}
