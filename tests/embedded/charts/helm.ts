import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { isProgram, programsOnPath, toolCache } from "../../../embedded/tools/cache";

const charts = path.resolve(__dirname, "../../../embedded/charts");

/** A rendered object, as far as the tests look into it. */
export interface RenderedObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** helm from PATH or from the project's tool cache, whichever version is there. */
export function findHelm(): string | undefined {
  const folder = path.join(toolCache(), "helm");
  const cached = existsSync(folder) ? readdirSync(folder).map((version) => path.join(folder, version, "helm")) : [];
  return [...programsOnPath("helm"), ...cached].find(isProgram);
}

export interface Rendering {
  readonly chart: string;
  readonly release?: string;
  readonly namespace?: string;
  readonly values?: object;
}

function template(helm: string, { chart, release, namespace, values = {} }: Rendering) {
  const options = ["--namespace", namespace ?? "istio-system", "--values", "-"];
  return spawnSync(helm, ["template", release ?? chart, path.join(charts, chart), ...options], {
    input: JSON.stringify(values),
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
    timeout: 60_000,
  });
}

/** @throws Error with helm's own message where the chart cannot be rendered */
export function render(helm: string, rendering: Rendering): RenderedObject[] {
  const { status, stdout, stderr } = template(helm, rendering);
  if (status !== 0) throw new Error(`helm template ${rendering.chart}: ${stderr}`);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as RenderedObject | null)
    .filter((object) => object !== null);
}

/** What helm says where it refuses the values; undefined where it renders them. */
export function refusal(helm: string, rendering: Rendering): string | undefined {
  const { status, stderr } = template(helm, rendering);
  return status === 0 ? undefined : stderr;
}

/** @returns helm's verdict on a chart, undefined where it finds nothing wrong */
export function lintProblems(helm: string, chart: string): string | undefined {
  const { status, stdout } = spawnSync(helm, ["lint", "--strict", path.join(charts, chart)], { encoding: "utf8" });
  return status === 0 ? undefined : stdout;
}
