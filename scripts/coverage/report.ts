import { grouped } from "../../components/shared/grouped";
import { formatPath } from "../../components/shared/problem";
import { markdownTable } from "../../components/shared/markdown";
import { objectProblems } from "../../components/validation/objects";
import type { Block, Manifest } from "./corpus";
import { type Compiled, compileFragment, digestOfMeaning, type Fragment } from "./fragments";
import { meaningOf } from "./meaning";

/** How a manifest can be said, the best first; what it is called in the report. */
const classes = {
  same: "Same",
  form: "Other form",
  different: "Different",
  refused: "Refused",
  raw: "Objects",
  cannot: "Cannot be said",
} as const;
export type Class = keyof typeof classes;
const classNames = Object.keys(classes) as Class[];

interface Judged {
  readonly manifest: Manifest;
  readonly source: string;
  readonly class: Class;
  readonly reason: string;
}

export interface Comparison {
  readonly fragment: Fragment;
  /** Undefined where the settings are refused, though no refusal is expected. */
  readonly class?: Class;
  /** What only the manifests mean (-), what only the settings mean (+), or what is refused. */
  readonly differences: readonly string[];
  readonly digest: string;
  readonly manifests: readonly (Judged & { readonly lines: number })[];
}

export interface Report {
  readonly comparisons: readonly Comparison[];
  /** Manifests that differ in their meaning, each once, at the best that was found for it. */
  readonly judged: readonly Judged[];
  /** What is no whole object: a source and a name. */
  readonly incomplete: readonly string[];
  readonly missing: readonly string[];
}

export function compareAll(blocks: readonly Block[], fragments: readonly Fragment[]): Report {
  const bySource = new Map(blocks.map((block) => [block.source, block]));
  const comparisons = fragments.map((fragment) => {
    return compare(
      fragment,
      fragment.of.flatMap((source) => bySource.get(source) ?? []),
    );
  });
  const rest = blocks.flatMap(({ source, manifests }) =>
    manifests.map((manifest): Judged => ({ manifest, source, ...unsaid(manifest) })),
  );
  const best = new Map<string, Judged>();
  for (const one of [
    ...comparisons.flatMap(({ manifests }) => manifests),
    ...rest.filter((each) => !isIncomplete(each)),
  ]) {
    const identity = digestOfMeaning(meaningOf([one.manifest]));
    const before = best.get(identity);
    if (!before || classNames.indexOf(one.class) < classNames.indexOf(before.class)) best.set(identity, one);
  }
  return {
    comparisons,
    judged: [...best.values()],
    incomplete: rest.filter(isIncomplete).map(({ source, manifest }) => `${source}: ${titleOf(manifest)}`),
    missing: fragments.flatMap(({ of }) => of.filter((source) => !bySource.has(source))),
  };
}

function compare(fragment: Fragment, blocks: readonly Block[]): Comparison {
  const all = applied(blocks);
  const sources = new Map(blocks.flatMap(({ source, manifests }) => manifests.map((one) => [one, source] as const)));
  const judge = (manifest: Manifest, found: Class, reason = "") => {
    return { manifest, source: sources.get(manifest) ?? "", class: found, reason, lines: manifest.lines };
  };
  const raw = all.flatMap((one) => {
    const reason = rawReason(fragment, one);
    return reason === undefined ? [] : [judge(one, unsaid(one).class, reason)];
  });
  if (!fragment.settings) return { fragment, differences: [], digest: "", manifests: raw };
  const compiled = compileFragment(fragment);
  const typed = all.filter((one) => rawReason(fragment, one) === undefined);
  const theirs = meaningOf(typed, compiled.context);
  const differences = compiled.refusals.length > 0 ? compiled.refusals : difference(theirs, compiled.meaning);
  const found = classOf(fragment, compiled, differences);
  const judged = typed.flatMap((one) => {
    if (found === undefined) return [];
    const isSame = meaningOf([one], compiled.context).every((fact) => compiled.meaning.includes(fact));
    if (found === "same" || (found === "form" && isSame)) return [judge(one, "same")];
    return [judge(one, found, fragment.differs ?? fragment.refused)];
  });
  return {
    fragment,
    ...(found && { class: found }),
    differences,
    digest: digestOfMeaning(compiled.meaning),
    manifests: [...judged, ...raw],
  };
}

function classOf(
  { refused, differs }: Fragment,
  { refusals }: Compiled,
  differences: readonly string[],
): Class | undefined {
  if (refused !== undefined) return refusals.some((line) => line.includes(refused)) ? "refused" : undefined;
  if (refusals.length > 0) return undefined;
  if (differences.length === 0) return "same";
  return differs === undefined ? "different" : "form";
}

function difference(theirs: readonly string[], ours: readonly string[]): string[] {
  const only = (these: readonly string[], others: readonly string[], sign: string) =>
    these.filter((fact) => !others.includes(fact)).map((fact) => `${sign} ${fact}`);
  return [...only(theirs, ours, "-"), ...only(ours, theirs, "+")];
}

/** Manifests that are applied together: a later one replaces one of its kind and name. */
function applied(blocks: readonly Block[]): Manifest[] {
  const all = blocks.flatMap(({ manifests }) => manifests);
  return [...new Map(all.map((one) => [`${titleOf(one)} ${one.namespace ?? ""}`, one])).values()];
}

function rawReason({ raw }: Fragment, manifest: Manifest): string | undefined {
  return raw.get(titleOf(manifest)) ?? raw.get(manifest.kind) ?? raw.get("");
}

/** What there is for a manifest that no setting says. Routes that the documentation has in an alpha version are v1 by now. */
function unsaid({ apiVersion, kind, name, namespace = "default", spec }: Manifest): Pick<Judged, "class" | "reason"> {
  const object = {
    apiVersion: apiVersion.replace(/(gateway\.networking\.k8s\.io\/v1)alpha\d$/, "$1"),
    kind: kind === "K8sGateway" ? "Gateway" : kind,
    metadata: { name, namespace },
    spec,
  };
  const [problem] = objectProblems(object as Parameters<typeof objectProblems>[0], []);
  if (!problem) return { class: "raw", reason: "" };
  return { class: "cannot", reason: `${formatPath(problem.path).replace(/^talos-mesh:/, "")}: ${problem.message}` };
}

/** Whether a document shows a part of an object only, or one that the API server or istiod refuses. */
function isIncomplete({ manifest: { kind, name, spec }, reason }: Judged): boolean {
  const rules = [spec.http, spec.tls, spec.tcp];
  const isEmpty =
    kind === "VirtualService" ? rules.every((one) => one === undefined) : kind === "Gateway" && !spec.servers;
  return isEmpty || name === "" || reason.startsWith("spec");
}

function titleOf({ kind, name }: Manifest): string {
  return `${kind}/${name}`;
}

const ofDocs = "content/en/docs/";

/** `tasks/security`, `ops`, `samples`. */
function areaOf(source: string): string {
  const parts = source.replace(ofDocs, "").split("/");
  return parts[0] === "tasks" ? `tasks/${parts[1]}` : (parts[0] ?? "");
}

/** docs/coverage.md */
export function coveragePage(report: Report, corpora: readonly string[]): string {
  const { judged, incomplete } = report;
  const count = (all: readonly Judged[]) => classNames.map((name) => all.filter((one) => one.class === name).length);
  const areas = [...new Set(judged.map(({ source }) => areaOf(source)))].sort();
  const row = (title: string, all: readonly Judged[]) => [title, ...[all.length, ...count(all)].map(String)];
  const rows = [
    ...areas.map((area) =>
      row(
        area,
        judged.filter(({ source }) => areaOf(source) === area),
      ),
    ),
    row("all", judged),
  ];
  const listed = (name: Class) =>
    grouped(
      judged.filter((one) => one.class === name),
      ({ reason }) => reason,
    ).map(([{ reason }, all]) => `- ${reason || "no setting says it"}: ${all.map(placeOf).join(", ")}`);
  const { settings, manifests } = linesOf(report);
  const sections = classNames.filter((name) => name !== "same" && judged.some((one) => one.class === name));
  return [
    "# How much of Istio's samples and documentation the settings say",
    "",
    `Generated by \`npm run coverage -- --update\` from ${corpora.join(" and ")}. A manifest counts once, wherever it`,
    "appears. _Same_: the settings of `tests/fixtures/coverage` become objects that mean the same, compared as in",
    "`scripts/coverage/meaning.ts`. _Other form_: the effect is the same, the objects are not; the reason is below.",
    "_Refused_: with the reason, because the manifest does not do what it says. _Objects_: only as it is, under",
    `\`talos-mesh:objects\`. ${incomplete.length} examples that show a part of an object only, or that Istio refuses, are not counted.`,
    "",
    ...markdownTable(["Folder", "Manifests", ...Object.values(classes)], rows),
    "",
    `${settings} lines of settings say what ${manifests} lines of YAML say, without the workloads that both name.`,
    ...sections.flatMap((name) => ["", `## ${classes[name]}`, "", ...listed(name)]),
    "",
  ].join("\n");
}

function placeOf({ source, manifest }: Judged): string {
  return `\`${source.replace(ofDocs, "").replace("/index.md", "")}\` ${titleOf(manifest)}`;
}

export function linesOf({ comparisons }: Report): { readonly settings: number; readonly manifests: number } {
  const said = comparisons.filter((one) => one.class === "same" || one.class === "form");
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  return {
    settings: sum(said.map(({ fragment }) => fragment.lines)),
    manifests: sum(
      said.flatMap(({ manifests }) => manifests.filter((one) => one.class !== "raw").map((one) => one.lines)),
    ),
  };
}

export function summaryOf(report: Report): string {
  const { judged } = report;
  const counts = classNames.map(
    (name) => `${judged.filter((one) => one.class === name).length} ${classes[name].toLowerCase()}`,
  );
  const { settings, manifests } = linesOf(report);
  return `${judged.length} manifests: ${counts.join(", ")}; ${settings} lines of settings for ${manifests} of YAML`;
}
