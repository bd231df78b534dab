import { minorOf } from "./versions";

/**
 * Until when the projects support their releases: the last day with fixes, by minor version (of Node.js by major version).
 * A release that is not listed has no date yet, or one that is not known here.
 */
interface Support {
  readonly ends: ReadonlyMap<string, string>;
  /** Where the dates are from, and newer ones are. */
  readonly source: string;
}

/** When the dates were read. */
export const supportReadOn = "2026-08-22";

export const supportOf = {
  Istio: {
    source: "https://istio.io/latest/docs/releases/supported-releases",
    ends: new Map([
      ["1.22", "2025-01-22"],
      ["1.23", "2025-04-16"],
      ["1.24", "2025-06-24"],
      ["1.25", "2025-09-30"],
      ["1.26", "2025-12-22"],
      ["1.27", "2026-04-07"],
      ["1.28", "2026-07-01"],
      ["1.29", "2026-08-31"],
      ["1.30", "2026-11-30"],
    ]),
  },
  /** A release is supported until the next minor release: the days of siderolabs/talos' tags. */
  Talos: {
    source: "https://docs.siderolabs.com/talos/latest/getting-started/support-matrix",
    ends: new Map([
      ["1.7", "2024-09-23"],
      ["1.8", "2024-12-17"],
      ["1.9", "2025-04-30"],
      ["1.10", "2025-09-01"],
      ["1.11", "2025-12-22"],
      ["1.12", "2026-04-27"],
    ]),
  },
  Kubernetes: {
    source: "https://kubernetes.io/releases",
    ends: new Map([
      ["1.25", "2023-10-27"],
      ["1.26", "2024-02-28"],
      ["1.27", "2024-06-28"],
      ["1.28", "2024-10-28"],
      ["1.29", "2025-02-28"],
      ["1.30", "2025-07-15"],
      ["1.31", "2025-11-11"],
      ["1.32", "2026-02-28"],
      ["1.33", "2026-06-28"],
      ["1.34", "2026-10-27"],
      ["1.35", "2027-02-28"],
      ["1.36", "2027-06-28"],
    ]),
  },
  "Node.js": {
    source: "https://github.com/nodejs/release#release-schedule",
    ends: new Map([
      ["20", "2026-04-30"],
      ["21", "2024-06-01"],
      ["22", "2027-04-30"],
      ["23", "2025-06-01"],
      ["24", "2028-04-30"],
      ["25", "2026-06-01"],
      ["26", "2029-04-30"],
    ]),
  },
} as const satisfies Readonly<Record<string, Support>>;

export type SupportedProduct = keyof typeof supportOf;

/** Days of support that a version has left, 0 or less after its end; undefined where no date is known. */
export function supportLeft(product: SupportedProduct, version: string, now: number) {
  const { ends }: Support = supportOf[product];
  const end = ends.get(product === "Node.js" ? (minorOf(version).split(".")[0] ?? "") : minorOf(version));
  if (end === undefined) return undefined;
  const day = 86_400_000;
  // The whole last day is supported.
  return { end, days: Math.ceil((Date.parse(end) + day - now) / day) };
}
