import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";

/** Files of a ConfigMap: name: content. */
export type Files = Readonly<Record<string, string>>;

/** Kubernetes takes 1 MiB a ConfigMap, all in all. */
const maxBytes = 1_000_000;

/**
 * The dashboards of a folder in as few ConfigMaps as they fit into, in the order of their names.
 *
 * @param folder relative to the project, or absolute
 * @throws pulumi.RunError where the folder or a file is not what it should be, all of it at once
 */
export function dashboardsOfFolder(projectRoot: string, folder: string): readonly Files[] {
  const at = path.resolve(projectRoot, folder);
  const problems: string[] = [];
  const maps: Record<string, string>[] = [];
  let room = 0;
  for (const file of jsonFiles(at, problems)) {
    const content = compact(path.join(at, file), problems);
    if (content === undefined) continue;
    const size = Buffer.byteLength(content) + file.length;
    if (size > maxBytes) problems.push(`${file} has ${size} bytes; a ConfigMap holds ${maxBytes}`);
    if (size > room) {
      maps.push({});
      room = maxBytes;
    }
    Object.assign(maps.at(-1) ?? {}, { [file]: content });
    room -= size;
  }
  if (problems.length > 0) {
    throw new pulumi.RunError(
      `talos-mesh:observability.grafana.dashboards: ${folder} does not hold dashboards:\n` +
        problems.map((problem) => `  ${problem}`).join("\n"),
    );
  }
  return maps;
}

function jsonFiles(folder: string, problems: string[]): string[] {
  try {
    const files = readdirSync(folder)
      .filter((file) => file.endsWith(".json"))
      .sort();
    if (files.length === 0) problems.push(`there is no .json file in ${folder}`);
    return files;
  } catch (error) {
    problems.push(String(error));
    return [];
  }
}

/** The dashboard without white space, which is most of such a file. */
function compact(file: string, problems: string[]): string | undefined {
  try {
    const dashboard: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof dashboard === "object" && dashboard !== null && "title" in dashboard) return JSON.stringify(dashboard);
    problems.push(`${path.basename(file)} is no dashboard: it has no title`);
  } catch (error) {
    problems.push(`${path.basename(file)}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return undefined;
}
