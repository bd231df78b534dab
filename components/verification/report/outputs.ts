import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { escapeHtml } from "../../shared/html";
import { markdownTable, markdownText } from "../../shared/markdown";
import type { VerificationResult, Verdict } from "../result";
import { htmlOf } from "./page";
import { certaintyOf, countsOf, failureLines, measuredOf, title } from "./wording";

/** Of the files of a report; a run of some probes leaves those of the last full one. */
export function reportName({ partOf }: Pick<VerificationResult, "partOf">): string {
  return partOf === undefined ? "verification" : "verification-partial";
}

/** Writes every form of the report into a folder, and returns the page's path. */
export function writeReports(result: VerificationResult, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = (end: string) => path.join(folder, `${reportName(result)}.${end}`);
  const page = file("html");
  writeFileSync(file("json"), `${JSON.stringify(result, withoutCookies, 2)}\n`);
  writeFileSync(file("xml"), junitOf(result));
  writeFileSync(file("md"), markdownOf(result));
  writeFileSync(page, htmlOf(result));
  return page;
}

/** The headers of an answer may have a session of a real application. */
function withoutCookies(key: string, value: unknown): unknown {
  return key === "set-cookie" && typeof value === "string" ? "..." : value;
}

/** verification.md, for a pull request. */
export function markdownOf(result: VerificationResult): string {
  const rows = result.probes.map((probe) => {
    const { measured, count, interval } = measuredOf(probe);
    return [probe.verdict, probe.name, probe.expectation, measured, count, interval].map(markdownText);
  });
  const failed = result.probes.filter(({ verdict }) => verdict === "fails" || verdict === "control failed");
  const health = result.health.filter(({ level }) => level !== "ok");
  return `${[
    `# ${title}`,
    "",
    `**${markdownText(countsOf(result))}** (${markdownText(`${result.stack}, ${result.startedAt}`)}). ${certaintyOf(result)}`,
    ...failed.flatMap((probe) => [
      "",
      `## ${markdownText(probe.name)}: ${probe.verdict}`,
      "",
      ...failureLines(probe).map((line) => `- ${markdownText(line)}`),
    ]),
    "",
    ...markdownTable(["Verdict", "Policy", "Expected", "Measured", "Requests", "Interval"], rows),
    ...(health.length === 0
      ? []
      : [
          "",
          "## Mesh",
          "",
          ...health.map((one) => `- ${markdownText(`${one.level}: ${one.subject}: ${one.message}`)}`),
        ]),
    ...(result.notes.length === 0
      ? []
      : ["", "## Notes", "", ...result.notes.map((note) => `- ${markdownText(note)}`)]),
  ].join("\n")}\n`;
}

/** verification.xml: a test case for each probe. `control failed` is an error: the test could not tell. */
export function junitOf(result: VerificationResult): string {
  const cases = result.probes.map((probe) => {
    const { name, kind, verdict, reason = "", seconds } = probe;
    const attributes = `classname="${xml(`verification.${kind}`)}" name="${xml(name)}" time="${seconds.toFixed(3)}"`;
    const detail = `message="${xml(reason)}"`;
    const lines = xml(failureLines(probe).join("\n"));
    if (verdict === "holds") return `    <testcase ${attributes}/>`;
    const inner: Readonly<Record<Exclude<Verdict, "holds">, string>> = {
      fails: `<failure ${detail}>${lines}</failure>`,
      "control failed": `<error ${detail}>${lines}</error>`,
      "not measurable": `<skipped ${detail}/>`,
    };
    return `    <testcase ${attributes}>${inner[verdict]}</testcase>`;
  });
  const count = (verdict: Verdict) => result.probes.filter((probe) => probe.verdict === verdict).length;
  const totals =
    `tests="${result.probes.length}" failures="${count("fails")}" errors="${count("control failed")}" ` +
    `skipped="${count("not measurable")}" time="${result.seconds.toFixed(3)}"`;
  const suite = `name="${xml(`verification of ${result.stack}`)}" ${totals} timestamp="${xml(result.startedAt)}"`;
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<testsuites ${totals}>\n  <testsuite ${suite}>\n${cases.join("\n")}\n  </testsuite>\n</testsuites>\n`
  );
}

/** Without the characters that XML 1.0 has no form for. */
function xml(text: string): string {
  const readable = text.replace(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "?");
  return escapeHtml(readable).replaceAll("\n", "&#10;");
}
