import path from "node:path";
import { stringify } from "yaml";
import { type MeshValuesInput, type ProfileName, profiles } from "../../components/mesh/values/common-values";
import { suggestion } from "../../components/settings/wording";
import { UserError } from "../../components/shared/problem";
import { readStack } from "../../components/validation/stack";
import { type Command, declare, filePath, UsageError } from "../command";
import {
  type ChartValues,
  differences,
  differenceText,
  givenValues,
  meshOf,
  seenValues,
  standInValues,
  withFetchedCharts,
  withProfile,
} from "../profile";
import { chosenStack, projectRoot } from "../stack-option";

const options = {
  stack: {
    value: "name",
    text: "with the other settings of a stack (default: none but Istio's version, on Talos)",
  },
  config: {
    value: "file",
    text: "its stack file (default: Pulumi.STACK.yaml of this project)",
    parse: filePath,
  },
  charts: {
    value: "folder",
    text: "Istio's charts, a folder for each, to show what their templates see (default: the stack's folder)",
    parse: filePath,
  },
  pull: { text: "fetch these charts with helm" },
} as const;

const profile = { text: "a profile", parse: profileName } as const;

const list = declare({
  name: "list",
  summary: "the profiles, and what each is for",
  run() {
    const lines = Object.entries(profiles).map(([name, { summary }]) => `${name.padEnd(10)}${summary}`);
    console.log(lines.join("\n"));
    return 0;
  },
});

const dump = declare({
  name: "dump",
  summary: "the Helm values of each chart of the mesh under a profile, as YAML",
  arguments: { profile },
  options,
  async run({ profile: name, ...given }) {
    const { mesh, charts } = sourceOf(given);
    const shown = withProfile(mesh, name);
    const values = givenValues(shown);
    const [effective] = (await valuesSeen([values], charts)) ?? [];
    const { version, dataPlane } = shown.mesh;
    console.log(
      [
        `# Profile ${name}, Istio ${version}, data plane ${dataPlane}.`,
        "# Values that talos-mesh passes to Istio's charts:",
        yaml({ values: Object.fromEntries(values) }),
        ...(effective
          ? [
              "# Values that their templates see: the charts' own, below the profile's, below the values above:",
              yaml({ effective: Object.fromEntries(effective) }),
            ]
          : ["# Not shown: the values that the charts' templates see.", `# ${howToSeeAll}`]),
      ].join("\n"),
    );
    return 0;
  },
});

const diff = declare({
  name: "diff",
  summary: "the values in which the second profile differs from the first, by chart",
  arguments: { from: profile, to: profile },
  options,
  async run({ from, to, ...given }) {
    const { mesh, charts } = sourceOf(given);
    const values = [from, to].map((name) => givenValues(withProfile(mesh, name)));
    const seen = await valuesSeen(values, charts);
    const standIns = path.join(projectRoot, "embedded/charts");
    const [before, after] = seen ?? values.map((each) => standInValues(each, standIns));
    if (!before || !after) throw new RangeError("diff: expected two profiles");
    console.log(
      [
        ...(seen
          ? []
          : [
              "Istio's charts are not available: shown is what the stand-in charts (embedded/charts) know, which is less.",
              howToSeeAll,
            ]),
        `${from} -> ${to}: values that the ${seen ? "" : "stand-in "}charts' templates see`,
        differenceText(differences(before, after), [from, to]),
      ].join("\n"),
    );
    return 0;
  },
});

export const command: Command = {
  name: "profile",
  summary: "show what Istio's profiles set (npm run profile -- list)",
  commands: [list, dump, diff],
};

const howToSeeAll = "To see all: name the folder of Istio's charts by --charts, or fetch them by --pull.";

interface Charts {
  readonly version: string;
  readonly folder?: string;
  /** Repository to fetch the charts from. */
  readonly pull?: string;
}

/** The mesh apart from its profile, and where its charts are. */
function sourceOf(given: {
  readonly stack?: string;
  readonly config?: string;
  readonly charts?: string;
  readonly pull: boolean;
}): { readonly mesh: MeshValuesInput; readonly charts: Charts } {
  if (given.charts !== undefined && given.pull) throw new UsageError("--charts and --pull exclude each other");
  const named = given.stack !== undefined || given.config !== undefined;
  const settings = named ? readStack(projectRoot, chosenStack(given).configFile).settings : undefined;
  const source = settings?.charts.source ?? "auto";
  const mesh = meshOf(settings);
  // A relative folder of the settings is one of the project.
  const folder = given.charts ?? (/^[./]/.test(source) ? path.resolve(projectRoot, source) : undefined);
  return { mesh, charts: { version: mesh.mesh.version, ...(given.pull ? { pull: source } : { folder }) } };
}

/** The values that the charts' templates see, for each set of given ones; undefined without Istio's charts. */
async function valuesSeen(
  given: readonly ChartValues[],
  { version, folder, pull }: Charts,
): Promise<ChartValues[] | undefined> {
  const read = (charts: string): ChartValues[] | undefined => {
    const seen = given.map((values) => seenValues(values, charts)).filter((values) => values !== undefined);
    return seen.length === given.length ? seen : undefined;
  };
  if (pull !== undefined) {
    const charts = [...new Set(given.flatMap((values) => [...values.keys()]))];
    return withFetchedCharts({ charts, version, source: pull }, read);
  }
  if (folder === undefined) return undefined;
  const seen = read(folder);
  if (!seen) {
    throw new UserError(`${folder}: expected Istio's own charts, in the folders base, istiod, cni and ztunnel`);
  }
  return seen;
}

function yaml(value: object): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}

function profileName(name: string): ProfileName {
  if (Object.hasOwn(profiles, name)) return name as ProfileName;
  throw new UsageError(suggestion(name, Object.keys(profiles)));
}
