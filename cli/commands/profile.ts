import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { clusterTraits } from "../../components/cluster/kinds";
import { effectiveValues, readIstioChart } from "../../components/mesh/values/chart-folder";
import {
  type ChartName,
  type MeshValuesInput,
  type ProfileName,
  profiles,
  scopes,
} from "../../components/mesh/values/common-values";
import { baseValues, cniValues, istiodValues, ztunnelValues } from "../../components/mesh/values/istio-charts";
import { hasAmbient } from "../../components/model/data-planes";
import { settingsSchema, type Settings } from "../../components/settings/schema";
import { officialCharts, talosReleases, versions } from "../../components/settings/versions";
import type { HelmValues } from "../../components/shared/helm-release";
import { asTree, isTree, mergeValues } from "../../components/shared/merge";
import { UserError } from "../../components/shared/problem";
import { CommandError, runCommand } from "../../components/shared/run-command";
import { ensureTools } from "../../embedded/tools/ensure-tools";
import { type Command, declare, filePath, UsageError } from "../command";
import { columns } from "../report/terminal";
import { openStack, projectRoot, stackOptions } from "../stack-option";
import { own } from "../../components/shared/own";

const options = {
  ...stackOptions,
  stack: {
    value: "name",
    text: "take all settings but the profile from this stack (default: only the pinned Istio version, on a Talos cluster)",
  },
  charts: {
    value: "folder",
    text: "folder that has each of Istio's charts as a folder, to show what their templates see (default: charts.source of the stack, where it is a folder)",
    parse: filePath,
  },
  pull: { text: "fetch these charts with helm" },
} as const;

const profile = { choices: Object.keys(profiles) as ProfileName[] } as const;

const list = declare({
  name: "list",
  summary: "the profiles, and what each is for",
  run() {
    for (const [name, purpose] of Object.entries(profiles)) console.log(`${name.padEnd(10)}${purpose}`);
    return 0;
  },
});

const dump = declare({
  name: "dump",
  summary: "the Helm values of each chart of the mesh under a profile, as YAML",
  arguments: { profile },
  options,
  async run({ profile: name, ...given }) {
    const source = sourceOf(given);
    const shown = withProfile(source.mesh, name);
    const values = givenValues(shown);
    const [effective] = (await valuesSeen([values], source)) ?? [];
    const { version, dataPlane } = shown.mesh;
    console.log(`# Profile ${name}, Istio ${version}, data plane ${dataPlane}.`);
    console.log("# Values that talos-mesh passes to Istio's charts:");
    console.log(yaml({ values: Object.fromEntries(values) }));
    if (effective) {
      console.log("# Values that their templates see: the charts' own, below the profile's, below the values above:");
      console.log(yaml({ effective: Object.fromEntries(effective) }));
    } else {
      console.log(`# Not shown: the values that the charts' templates see.\n# ${howToSeeAll}`);
    }
    return 0;
  },
});

const diff = declare({
  name: "diff",
  summary: "the values in which the second profile differs from the first, by chart",
  arguments: { from: profile, to: profile },
  options,
  async run({ from, to, ...given }) {
    const source = sourceOf(given);
    const values = [from, to].map((name) => givenValues(withProfile(source.mesh, name)));
    const seen = await valuesSeen(values, source);
    const [before = new Map(), after = new Map()] = seen ?? values.map(standInValues);
    if (!seen) {
      console.log(
        "Istio's charts are not available: shown is what the stand-in charts (embedded/charts) know, which is less.",
      );
      console.log(howToSeeAll);
    }
    console.log(`${from} -> ${to}: values that the ${seen ? "" : "stand-in "}charts' templates see`);
    console.log(differenceText(before, after, [from, to]));
    return 0;
  },
});

export const command: Command = {
  name: "profile",
  summary: "show what Istio's profiles set (npm run profile -- list)",
  commands: [list, dump, diff],
};

const howToSeeAll = "To see all: name the folder of Istio's charts by --charts, or fetch them by --pull.";

/** The mesh, and where Istio's charts are: in a folder, or in a repository to fetch them from (`pull`). */
function sourceOf(given: { stack?: string; config?: string; charts?: string; pull: boolean }) {
  if (given.charts !== undefined && given.pull) throw new UsageError("--charts and --pull exclude each other");
  const named = given.stack !== undefined || given.config !== undefined;
  const settings = named ? openStack(given).settings : undefined;
  const source = settings?.charts.source ?? "auto";
  const mesh = meshOf(settings);
  if (given.pull) return { mesh, pull: source };
  // A relative folder of the settings is one of the project.
  return { mesh, folder: given.charts ?? (/^[./]/.test(source) ? path.resolve(projectRoot, source) : undefined) };
}

/** The values that the charts' templates see, for each set of given ones; undefined without Istio's charts. */
async function valuesSeen(
  given: readonly ChartValues[],
  { mesh, folder, pull }: ReturnType<typeof sourceOf>,
): Promise<readonly ChartValues[] | undefined> {
  const read = (charts: string) => {
    const seen = given.flatMap((values) => seenValues(values, charts) ?? []);
    return seen.length === given.length ? seen : undefined;
  };
  if (pull !== undefined) {
    const temporary = mkdtempSync(path.join(tmpdir(), "talos-mesh-charts-"));
    try {
      await fetchCharts(new Set(given.flatMap((values) => [...values.keys()])), mesh.mesh.version, pull, temporary);
      return read(temporary);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }
  if (folder === undefined) return undefined;
  const seen = read(folder);
  if (seen) return seen;
  throw new UserError(`${folder}: expected Istio's own charts, in the folders base, istiod, cni and ztunnel`);
}

function yaml(value: object): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}

/** Values by chart, in the order of installation. */
type ChartValues = ReadonlyMap<ChartName, HelmValues>;

/** The mesh of a stack; without one, a mesh with nothing set but its version, on Talos. */
export function meshOf(stack: Settings | undefined): MeshValuesInput {
  if (stack) return { mesh: stack.mesh, images: stack.images, cluster: clusterTraits(stack.cluster) };
  const { mesh, images } = settingsSchema.shape;
  const talosVersion = [...talosReleases.keys()].at(-1);
  const cluster = { simulatedNodes: false, talos: true, talosVersion };
  return { mesh: mesh.parse({ version: versions.istio }), images: images.parse({}), cluster };
}

/** The same mesh with another profile. Profile ambient also selects the ambient data plane. */
export function withProfile(input: MeshValuesInput, profile: ProfileName): MeshValuesInput {
  const dataPlane = profile === "ambient" && !hasAmbient(input.mesh) ? "ambient" : input.mesh.dataPlane;
  return { ...input, mesh: { ...input.mesh, profile, dataPlane } };
}

/** Values that talos-mesh passes to each chart of the mesh, without gateways: no profile changes theirs. */
export function givenValues(input: MeshValuesInput): ChartValues {
  const values = { base: baseValues(input), istiod: istiodValues(input), cni: cniValues(input) };
  const ztunnel = hasAmbient(input.mesh) && { ztunnel: ztunnelValues(input) };
  return new Map(Object.entries({ ...values, ...ztunnel }) as [ChartName, HelmValues][]);
}

/** Values that the templates of each chart see; undefined where a chart in the folder is not Istio's own. */
export function seenValues(given: ChartValues, folder: string): ChartValues | undefined {
  const seen = new Map<ChartName, HelmValues>();
  for (const [name, values] of given) {
    const chart = readIstioChart(folder, name);
    if (!chart) return undefined;
    seen.set(name, effectiveValues(chart, values));
  }
  return seen;
}

/**
 * Values that the templates of the stand-in charts see. These charts know the defaults and profiles of what they
 * render, not all of Istio's.
 */
function standInValues(given: ChartValues): ChartValues {
  return new Map(
    [...given].map(([name, values]) => {
      const text = readFileSync(path.join(__dirname, "../../embedded/charts", name, "files/values.yaml"), "utf8");
      const { defaults, profiles } = parse(text) as { defaults: HelmValues; profiles: Record<string, HelmValues> };
      const base = mergeValues(defaults, own(profiles, String(values["profile"])) ?? {});
      const { [scopes[name] ?? ""]: scoped, ...under } = mergeValues(base, values);
      return [name, mergeValues(under, asTree(scoped))] as const;
    }),
  );
}

/** A block for each chart, a line for each value that differs. */
export function differenceText(
  before: ChartValues,
  after: ChartValues,
  [first, second]: readonly [before: string, after: string],
): string {
  const charts = [...new Set([...before.keys(), ...after.keys()])].map((chart) => {
    const [a, b] = [before.get(chart), after.get(chart)];
    if (!a || !b) return `${chart}: only under ${a ? first : second}`;
    const found = differences(a, b, "");
    return found.length === 0 ? `${chart}: no difference` : [chart, ...columns(found)].join("\n");
  });
  return charts.join("\n");
}

/** Lists are compared as a whole. */
function differences(before: unknown, after: unknown, at: string): [key: string, change: string][] {
  // A missing mapping counts as an empty one, so that every difference is one of single values.
  const [a, b] = [before ?? {}, after ?? {}];
  if ((isTree(before) || isTree(after)) && isTree(a) && isTree(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return keys.flatMap((key) => {
      const name = /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
      return differences(own(a, key), own(b, key), at === "" ? name : `${at}.${name}`);
    });
  }
  const [from, to] = [before, after].map((value) => (value === undefined ? "(unset)" : JSON.stringify(value)));
  return from === to ? [] : [[`  ${at}`, `${from} -> ${to}`]];
}

async function fetchCharts(charts: Iterable<ChartName>, version: string, source: string, folder: string) {
  const { helm } = await ensureTools(["helm"]);
  const repository = source === "auto" ? officialCharts : source;
  try {
    for (const chart of charts) {
      const from = repository.startsWith("oci://") ? [`${repository}/${chart}`] : [chart, "--repo", repository];
      const options = ["--version", version, "--untar", "--untardir", folder];
      await runCommand(helm.path, ["pull", ...from, ...options], { timeoutMs: 60_000 });
    }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const why = error.output.at(-1) ?? error.message;
    throw new UserError(`--pull: helm cannot fetch Istio's charts ${version} from ${repository}: ${why}`);
  }
}
