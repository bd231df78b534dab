import path from "node:path";
import { stringify } from "yaml";
import { type MeshValuesInput, type ProfileName, profiles } from "../../components/mesh/values/common-values";
import { suggestion } from "../../components/settings/wording";
import { UserError } from "../../components/shared/problem";
import { type Command, declare, filePath, UsageError } from "../command";
import {
  type ChartValues,
  differenceText,
  givenValues,
  meshOf,
  seenValues,
  standInValues,
  withFetchedCharts,
  withProfile,
} from "../profile";
import { openStack, projectRoot, stackOptions } from "../stack-option";

const options = {
  ...stackOptions,
  stack: {
    value: "name",
    text: "with the other settings of a stack (default: none but Istio's version, on Talos)",
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

interface Source {
  /** The mesh apart from its profile. */
  readonly mesh: MeshValuesInput;
  /** Folder of Istio's charts. */
  readonly folder?: string;
  /** Repository to fetch the charts from. */
  readonly pull?: string;
}

function sourceOf(given: {
  readonly stack?: string;
  readonly config?: string;
  readonly charts?: string;
  readonly pull: boolean;
}): Source {
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
  { mesh, folder, pull }: Source,
): Promise<readonly ChartValues[] | undefined> {
  const read = (charts: string) => {
    const seen = given.flatMap((values) => seenValues(values, charts) ?? []);
    return seen.length === given.length ? seen : undefined;
  };
  if (pull !== undefined) {
    const charts = [...new Set(given.flatMap((values) => [...values.keys()]))];
    return withFetchedCharts(charts, { version: mesh.mesh.version, source: pull }, read);
  }
  if (folder === undefined) return undefined;
  const seen = read(folder);
  if (seen) return seen;
  throw new UserError(`${folder}: expected Istio's own charts, in the folders base, istiod, cni and ztunnel`);
}

function yaml(value: object): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}

function profileName(name: string): ProfileName {
  if (Object.hasOwn(profiles, name)) return name as ProfileName;
  throw new UsageError(suggestion(name, Object.keys(profiles)));
}
