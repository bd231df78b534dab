import path from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { type MeshValuesInput, type ProfileName, profiles } from "../../components/mesh/values/common-values";
import { suggestion } from "../../components/settings/suggest";
import { withFetchedCharts } from "../profile/charts";
import { differences, differenceText } from "../profile/difference";
import {
  type ChartValues,
  givenValues,
  meshOf,
  seenValues,
  standInValues,
  withProfile,
} from "../profile/profile-values";
import { UserError } from "../../embedded/program/errors";
import { fromUser, stackFileOf } from "../../embedded/program/stack-option";
import { stackSettings } from "../../embedded/program/stack-settings";
import { stackOptions, withOptions } from "../options";

const root = path.resolve(__dirname, "../..");

const usage = `usage: npm run profile -- list
       npm run profile -- dump PROFILE [OPTIONS]
       npm run profile -- diff PROFILE PROFILE [OPTIONS]

  list             the profiles, and what each is for
  dump             the Helm values of each chart of the mesh under a profile, as YAML
  diff             what the second profile sets otherwise than the first, by chart

  --stack STACK    with the other settings of a stack  (default: none but Istio's version, on Talos)
  --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)
  --charts DIR     Istio's charts, one folder each, to show what their templates see  (default: the stack's folder)
  --pull           fetch these charts with helm`;

interface Options {
  readonly command: "list" | "dump" | "diff";
  readonly names: readonly ProfileName[];
  /** The mesh apart from its profile. */
  readonly mesh: MeshValuesInput;
  /** Folder of the charts. */
  readonly folder?: string;
  /** Repository to fetch the charts from. */
  readonly pull?: string;
}

/**
 * `npm run profile`: what profiles set, as `istioctl profile` shows it. Changes nothing, and without `--pull` needs no
 * network.
 *
 * @returns 0, or 2 where the options are wrong
 * @throws UserError, SettingsError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(
    usage,
    () => parse(argv),
    async (options) => {
      console.log(options.command === "list" ? list() : await show(options));
      return 0;
    },
  );
}

function list(): string {
  return Object.entries(profiles)
    .map(([name, { summary }]) => `${name.padEnd(10)}${summary}`)
    .join("\n");
}

/** One mesh for each profile that is named. */
async function show(options: Options): Promise<string> {
  const meshes = options.names.map((name) => withProfile(options.mesh, name));
  const given = meshes.map(givenValues);
  const seen = await seenBy(given, options);
  return options.command === "dump" ? dump(meshes, given, seen) : diff(options.names, given, seen);
}

async function seenBy(
  given: readonly ChartValues[],
  { folder, pull, mesh }: Options,
): Promise<ChartValues[] | undefined> {
  const look = (charts: string): ChartValues[] | undefined => {
    const seen = given.map((values) => seenValues(values, charts)).filter((values) => values !== undefined);
    return seen.length === given.length ? seen : undefined;
  };
  if (pull !== undefined) {
    const charts = [...new Set(given.flatMap((values) => [...values.keys()]))];
    return withFetchedCharts({ charts, version: mesh.mesh.version, source: pull }, look);
  }
  if (folder === undefined) return undefined;
  const seen = look(folder);
  if (!seen)
    throw new UserError(`${folder}: expected Istio's own charts, in the folders base, istiod, cni and ztunnel`);
  return seen;
}

const getThem = "All of it: name Istio's charts by --charts DIR, or fetch them by --pull.";

function dump(
  [mesh]: readonly MeshValuesInput[],
  [given]: readonly ChartValues[],
  seen?: readonly ChartValues[],
): string {
  if (!mesh || !given) throw new RangeError("dump: expected one profile");
  const { profile, version, dataPlane } = mesh.mesh;
  const heading = `# Profile ${profile}, Istio ${version}, data plane ${dataPlane}.`;
  const [effective] = seen ?? [];
  return [
    heading,
    "# What talos-mesh gives to Istio's charts:",
    yaml({ values: Object.fromEntries(given) }),
    ...(effective
      ? [
          "# What their templates see: the charts' own values, under the profile, under the values above:",
          yaml({ effective: Object.fromEntries(effective) }),
        ]
      : ["# Not shown: what the charts make of it.", `# ${getThem}`]),
  ].join("\n");
}

function diff([from, to]: readonly string[], given: readonly ChartValues[], seen?: readonly ChartValues[]): string {
  const standIns = path.join(root, "embedded/charts");
  const [before, after] = seen ?? given.map((values) => standInValues(values, standIns));
  if (!before || !after || from === undefined || to === undefined) throw new RangeError("diff: expected two profiles");
  return [
    ...(seen
      ? []
      : [
          "Istio's charts are not at hand: shown is what the stand-in charts (embedded/charts) know, which is less.",
          getThem,
        ]),
    `${from} -> ${to}: what the ${seen ? "" : "stand-in "}charts' templates see`,
    differenceText(differences(before, after), [from, to]),
  ].join("\n");
}

function yaml(value: object): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      ...stackOptions,
      charts: { type: "string" },
      pull: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const [command, ...names] = positionals;
  const wanted = { list: 0, dump: 1, diff: 2 } as const;
  if (command !== "list" && command !== "dump" && command !== "diff") {
    throw new TypeError(
      `${command === undefined ? "expected" : `found ${command}; expected`} one of: list, dump, diff`,
    );
  }
  if (names.length !== wanted[command]) {
    throw new TypeError(`${command}: expected ${wanted[command]} profile names, found ${names.length}`);
  }
  const { stack, config, charts, pull } = values;
  if (charts !== undefined && pull) throw new TypeError("--charts and --pull exclude each other");
  const settings =
    stack === undefined && config === undefined
      ? undefined
      : stackSettings(root, stackFileOf(root, { stack: stack ?? "", config }, "profile"));
  const source = settings?.charts.source ?? "auto";
  const folder = charts === undefined ? folderOf(source) : fromUser(charts, "profile");
  return {
    command,
    names: names.map(profileName),
    mesh: meshOf(settings),
    ...(pull ? { pull: source } : { folder }),
  };
}

/** A relative folder of the settings is one of the project. */
function folderOf(source: string): string | undefined {
  return /^[./]/.test(source) ? path.resolve(root, source) : undefined;
}

function profileName(name: string): ProfileName {
  if (Object.hasOwn(profiles, name)) return name as ProfileName;
  throw new TypeError(`found profile ${name}; ${suggestion(name, Object.keys(profiles))}`);
}
