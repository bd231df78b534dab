import { readFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { versions } from "../../components/settings/versions";

/** The stand-in charts, each with what Istio's chart of that name installs. */
const charts: Readonly<Record<string, string>> = {
  base: "Istio's CRDs",
  istiod: "the control plane",
  cni: "the CNI node agent",
  ztunnel: "the node proxy of the ambient data plane",
  gateway: "a gateway",
};

export const chartNames = Object.keys(charts);

const chartsFolder = "embedded/charts";
const sharedFolder = path.join(__dirname, "chart");

/** Files that every chart has a copy of, since a chart can include no file from outside its folder. */
const sharedFiles = ["_stand-in.tpl", "NOTES.txt"];

function chartYaml(name: string, installs: string): string {
  const chart = {
    apiVersion: "v2",
    name,
    description: `STAND-IN for Istio's chart ${name} (${installs}), for simulated nodes only; its pods carry no traffic.`,
    type: "application",
    version: versions.istio,
    appVersion: versions.istio,
    annotations: { "talos-mesh/stand-in": "true" },
  };
  return `# Made by scripts/vendor.cjs.\n${stringify(chart, { lineWidth: 0 })}`;
}

/**
 * The parts of the stand-in charts that are the same in each or follow from the pinned version.
 *
 * @returns path relative to the project: content
 */
export function chartFiles(): Map<string, string> {
  return new Map(
    Object.entries(charts).flatMap(([name, installs]): [string, string][] => [
      [`${chartsFolder}/${name}/Chart.yaml`, chartYaml(name, installs)],
      ...sharedFiles.map((file): [string, string] => [
        `${chartsFolder}/${name}/templates/${file}`,
        readFileSync(path.join(sharedFolder, file), "utf8"),
      ]),
    ]),
  );
}
