import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";

const projectRoot = path.resolve(__dirname, "../..");

/** The folder of a chart: in a folder of its version, where that exists. */
export function chartFolder(source: string, chart: string, version: string): string {
  const folder = source.replace(/\/+$/, "");
  const ofVersion = `${folder}/${version}/${chart}`;
  return existsSync(path.resolve(projectRoot, ofVersion)) ? ofVersion : `${folder}/${chart}`;
}

/**
 * The content of a chart in a folder. The provider compares a release's inputs only: without this as an input, other files in
 * the same folder would change nothing.
 *
 * @param chart path of the chart, relative to the project or absolute
 * @param version the version it must have; undefined for a stand-in chart, which is used for every version
 * @returns the first 16 digits of the sha256 of its files
 * @throws pulumi.RunError where there is no chart, or one of another version
 */
export function chartDigest(chart: string, version: string | undefined): string {
  const folder = path.resolve(projectRoot, chart);
  const description = path.join(folder, "Chart.yaml");
  if (!existsSync(description)) {
    throw new pulumi.RunError(
      `there is no chart in ${chart}: ${description} does not exist. ` +
        "talos-mesh:charts.source names a folder with one folder for each chart, such as ./charts with base/, istiod/, cni/, gateway/",
    );
  }
  const found = /^version:\s*["']?([^"'\s]+)/m.exec(readFileSync(description, "utf8"))?.[1];
  if (version !== undefined && found !== version) {
    throw new pulumi.RunError(
      `the chart in ${chart} is of version ${found ?? "(none)"}, and the settings request ${version}: ` +
        `put that version there, or next to it as ${version}/${path.basename(folder)}; ` +
        "talos-mesh:charts.source names the folder of Istio's charts, charts.addons another place for those of addons",
    );
  }
  const hash = createHash("sha256");
  for (const file of files(folder)) {
    hash.update(`${path.relative(folder, file).split(path.sep).join("/")}\0`);
    hash.update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const at = path.join(folder, entry.name);
      return entry.isDirectory() ? files(at) : [at];
    });
}
