import { readFileSync } from "node:fs";
import path from "node:path";
import { escapeHtml, foldedHtml, htmlPage, scrollHtml, tableHtml } from "../../shared/html";
import { formatPath } from "../../shared/problem";
import { probeKinds } from "../probe";
import type { ProbeResult, VerificationResult, Verdict } from "../result";
import { type Access, type AccessMatrix, accessMatrix, type AskedRequest } from "./access";
import { certaintyOf, countsOf, failureLines, measuredOf, title } from "./wording";

export const signs: Readonly<Record<Verdict, string>> = {
  holds: "✓",
  fails: "✗",
  "control failed": "!",
  "not measurable": "?",
};

/** verification.html: the answer first, then who may talk to whom, what failed and why, and every probe. */
export function htmlOf(result: VerificationResult): string {
  const style = readFileSync(path.join(__dirname, "report.css"), "utf8");
  const { probes, health, stack, startedAt, mesh, verdict } = result;
  const failed = probes.filter((probe) => probe.verdict === "fails" || probe.verdict === "control failed");
  const left = probes.filter((probe) => probe.verdict === "not measurable");
  const body = [
    `<h1>${title}: ${escapeHtml(stack)}</h1>`,
    `<p class="answer ${classOf(verdict)}">${signs[verdict]} ${escapeHtml(countsOf(result))}</p>`,
    `<p class="note">${escapeHtml(`${startedAt}, Istio ${mesh.version}, ${mesh.dataPlane}; ${result.requests} requests in ${Math.round(result.seconds)} s. ${certaintyOf(result)}`)}</p>`,
    ...failed.map(failureHtml),
    ...accessHtml(
      accessMatrix(probes.filter(({ kind }) => kind === "authorization").flatMap(({ series }) => series)),
      "✓: measured so.",
    ),
    ...kindsHtml(probes),
    ...(left.length === 0
      ? []
      : [
          "<h2>Not measured</h2>",
          tableHtml(
            ["Policy", "Expected", "Why"],
            left.map(({ name, expectation, reason = "" }) => [name, expectation, reason]),
          ),
        ]),
    ...(health.length === 0
      ? []
      : [
          "<h2>State of the mesh</h2>",
          tableHtml(
            ["Level", "Subject", "Found", "Next"],
            health.map(({ level, subject, message, next = "" }) => [level, subject, message, next]),
          ),
        ]),
    ...(result.notes.length === 0
      ? []
      : ["<h2>Notes</h2>", `<ul>${result.notes.map((note) => `<li>${escapeHtml(note)}</li>`).join("")}</ul>`]),
    foldedHtml("Every kind of request", [seriesHtml(probes)]),
    foldedHtml("Where the time went", [
      tableHtml(
        ["Phase", "Seconds"],
        result.phases.map(({ name, seconds }) => [name, seconds.toFixed(1)]),
      ),
    ]),
  ];
  return htmlPage(`${title}: ${stack}`, style, body);
}

/** A class of report.css. */
export function classOf(verdict: Verdict): string {
  return verdict.replaceAll(" ", "-");
}

function failureHtml(probe: ProbeResult): string {
  const lines = failureLines(probe).map((line) => `<li>${escapeHtml(line)}</li>`);
  return (
    `<section class="failure"><h2>${signs[probe.verdict]} ${escapeHtml(`${probe.name}: ${probe.verdict}`)}</h2>` +
    `<p>${escapeHtml(`Expected: ${probe.expectation}`)}</p><ul>${lines.join("")}</ul></section>`
  );
}

const accessSigns: Readonly<Record<Access, string>> = { allowed: "●", partly: "◐", denied: "○" };

/** @param legend what the second line of a cell means */
export function accessHtml(matrix: AccessMatrix<AskedRequest & { measured?: string }>, legend: string): string[] {
  if (matrix.clients.length === 0) return [];
  const head = matrix.servers.map((server) => `<th scope="col">${escapeHtml(server)}</th>`);
  const rows = matrix.clients.map((client) => {
    const cells = matrix.servers.map((server) => {
      const cell = matrix.cell(client, server);
      if (!cell) return "<td></td>";
      const { expected, verdict, series } = cell;
      const requests = series.map(({ request, expected: answer, measured }) => {
        return `${request}: ${answer}${measured === undefined ? "" : `; measured ${measured}`}`;
      });
      const seen = verdict && `${signs[verdict]} ${verdict === "holds" ? "measured" : verdict}`;
      return (
        `<td class="${expected} ${verdict ? classOf(verdict) : ""}" title="${escapeHtml(requests.join("\n"))}">` +
        `<b>${accessSigns[expected]}</b> ${expected}${seen === undefined ? "" : ` <small>${seen}</small>`}</td>`
      );
    });
    return `<tr><th scope="row">${escapeHtml(client)}</th>${cells.join("")}</tr>`;
  });
  return [
    "<h2>Who may talk to whom</h2>",
    `<p class="note">Rows call columns. ● every kind of request gets through, ◐ some do, ○ none does. ${escapeHtml(legend)}</p>`,
    scrollHtml(
      "Who may talk to whom",
      `<table class="access"><thead><tr><td></td>${head.join("")}</tr></thead><tbody>${rows.join("\n")}</tbody></table>`,
    ),
  ];
}

function kindsHtml(probes: readonly ProbeResult[]): string[] {
  return probeKinds.flatMap((kind) => {
    const ofKind = probes.filter((probe) => probe.kind === kind && probe.verdict !== "not measurable");
    if (ofKind.length === 0) return [];
    const rows = ofKind.map((probe) => {
      const { measured, count, interval } = measuredOf(probe);
      const cells = [probe.expectation, measured, count, interval].map((cell) => `<td>${escapeHtml(cell)}</td>`);
      const name = `${escapeHtml(probe.name)} <small>${escapeHtml(formatPath(probe.path))}</small>`;
      return `<tr><td class="${classOf(probe.verdict)}">${signs[probe.verdict]} ${probe.verdict}</td><th>${name}</th>${cells.join("")}</tr>`;
    });
    const head = ["Verdict", "Policy", "Expected", "Measured", "Requests", "Interval"].map(
      (cell) => `<th>${cell}</th>`,
    );
    return [
      `<h2>${kind[0]?.toUpperCase()}${kind.slice(1).replaceAll("-", " ")}</h2>`,
      scrollHtml(
        kind,
        `<table class="probes"><thead><tr>${head.join("")}</tr></thead><tbody>${rows.join("\n")}</tbody></table>`,
      ),
    ];
  });
}

function seriesHtml(probes: readonly ProbeResult[]): string {
  const rows = probes.flatMap(({ name, series }) =>
    series.map(({ role, from, to, request, expected, measured, evidence, verdict }) => [
      `${signs[verdict]} ${verdict}`,
      name,
      role,
      `${from} to ${to}`,
      request,
      expected,
      measured,
      evidence,
    ]),
  );
  return tableHtml(["Verdict", "Policy", "Role", "From and to", "Request", "Expected", "Measured", "Evidence"], rows);
}
