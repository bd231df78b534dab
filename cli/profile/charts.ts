import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ChartName } from "../../components/mesh/values/chart-folder";
import { officialCharts } from "../../components/settings/versions";
import { UserError } from "../../embedded/program/errors";
import { ensureTools } from "../../embedded/tools/ensure-tools";
import { CommandError, runCommand } from "../../embedded/tools/run-command";

/** Milliseconds one chart may take. */
const timeoutMs = 60_000;

interface Wanted {
  readonly charts: readonly ChartName[];
  readonly version: string;
  /** A repository or a registry, as `charts.source` names it. */
  readonly source: string;
}

/**
 * Fetches charts with helm for as long as `use` runs.
 *
 * @param use gets the folder with one folder a chart
 * @throws UserError where the charts cannot be fetched
 */
export async function withFetchedCharts<Result>(
  { charts, version, source }: Wanted,
  use: (folder: string) => Result,
): Promise<Result> {
  const { helm } = await ensureTools(["helm"]);
  const repository = source === "auto" ? officialCharts : source;
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-charts-"));
  try {
    for (const chart of charts) {
      const from = repository.startsWith("oci://") ? [`${repository}/${chart}`] : [chart, "--repo", repository];
      const options = ["--version", version, "--untar", "--untardir", folder];
      await runCommand(helm.path, ["pull", ...from, ...options], { timeoutMs });
    }
    return use(folder);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const why = error.output.at(-1) ?? error.message;
    throw new UserError(`--pull: helm cannot fetch Istio's charts ${version} from ${repository}: ${why}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
