import { SettingsError, type Origin, type Problem } from "../shared/problem";
import { describeIssue } from "../settings/issues";
import { checkRules } from "./rules";
import { settingsSchema, type Settings } from "../settings/schema";
import { suggestion } from "../settings/suggest";

/** What is known of a stack beside its settings. */
export interface ParseOptions extends Origin {
  /** Names under `talos-mesh:secrets`. */
  readonly secretNames: Iterable<string>;
  /** Their values by name; without them, rules that look into a secret find nothing wrong. @default none */
  readonly secretTexts?: ReadonlyMap<string, string>;
  /** Problems found while the sections were read, reported together with the others. */
  readonly problems?: readonly Problem[];
  /** What else to refuse of the valid sections, such as parts that are not built yet. */
  readonly refuse?: (valid: Partial<Settings>) => readonly Problem[];
}

const sections = Object.keys(settingsSchema.shape) as (keyof Settings)[];

/** Order of a message: sections as the schema has them, within one by path, so that equal input gives equal text. */
function compare(a: Problem, b: Problem): number {
  const order = (problem: Problem) => {
    const index = sections.indexOf(problem.path[0] as keyof Settings);
    return index === -1 ? sections.length : index;
  };
  if (order(a) !== order(b)) return order(a) - order(b);
  for (let depth = 0; depth < Math.min(a.path.length, b.path.length); depth++) {
    const [x, y] = [a.path[depth], b.path[depth]];
    if (x === y) continue;
    if (typeof x === "number" && typeof y === "number") return x - y;
    return String(x) < String(y) ? -1 : 1;
  }
  return a.path.length - b.path.length || (a.message < b.message ? -1 : Number(a.message > b.message));
}

/**
 * Checks the sections of a stack, `{cluster: {...}, mesh: {...}, ...}`, and fills in defaults. Pure: no configuration,
 * file or environment is read.
 *
 * @throws SettingsError with every problem of the schema and of the rules between settings.
 */
export function parseSettings(raw: Record<string, unknown>, options: ParseOptions): { settings: Settings } {
  const problems = [...(options.problems ?? [])];
  const reported = new Set(problems.map(({ path }) => path[0]));
  const valid: Partial<Record<keyof Settings, unknown>> = {};
  for (const section of sections) {
    if (reported.has(section)) continue;
    const schema = settingsSchema.shape[section];
    const result = schema.safeParse(raw[section]);
    if (result.success) valid[section] = result.data;
    else
      problems.push(...result.error.issues.flatMap((issue) => describeIssue(issue, schema, raw[section], [section])));
  }
  for (const key of Object.keys(raw)) {
    if (Object.hasOwn(settingsSchema.shape, key)) continue;
    problems.push({ path: [key], message: `unknown section; ${suggestion(key, [...sections, "secrets"])}` });
  }
  const { secretNames, secretTexts = new Map() } = options;
  problems.push(...checkRules(valid as Partial<Settings>, { secretNames: new Set(secretNames), secretTexts }));
  problems.push(...(options.refuse?.(valid as Partial<Settings>) ?? []));
  if (problems.length > 0) throw new SettingsError(problems.sort(compare), options);
  return { settings: valid as Settings };
}
