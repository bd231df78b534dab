import type { Cluster } from "../cluster/cluster";
import type { Settings } from "../settings/schema";
import { officialCharts } from "../settings/versions";
import type { ChartSource } from "../shared/helm-release";

/** The stand-ins that come with the project; see embedded/charts/README.md. */
const standIns: ChartSource = { kind: "folder", path: "./embedded/charts", standIn: true };

const official: ChartSource = { kind: "repository", url: officialCharts };

/** What `charts.source` stands for in a cluster, which has decided on `auto`. */
export function chartSource({ source }: Settings["charts"], cluster: Pick<Cluster, "autoCharts">): ChartSource {
  if (source !== "auto") return chartPlace(source);
  return cluster.autoCharts === "stand-ins" ? standIns : official;
}

/** A place for charts as the settings write it: `https://`, `oci://`, or a folder. */
export function chartPlace(text: string): ChartSource {
  if (text.startsWith("oci://")) return { kind: "oci", url: text };
  if (/^https?:/.test(text)) return { kind: "repository", url: text };
  return { kind: "folder", path: text, standIn: false };
}
