import { blocks, costs, curves, differences, loads, type Picture } from "./pictures";
import type { Report } from "./report";
import { escapeHtml } from "./svg";
import { type Table, tablesOf } from "./tables";
import { warningsOf } from "./warnings";

const style = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.sentences { font-size: 1.15rem; } .note { opacity: .75; } .warning { color: #cf222e; color: light-dark(#cf222e, #ff7b72); font-weight: 600; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
@media print { body { max-width: none; margin: 0; } figure, tr { break-inside: avoid; } .scroll { overflow: visible; } }
`;

/** The report as one page that holds everything: no script, no font, no picture from elsewhere. */
export function htmlOf(report: Report): string {
  const tables = tablesOf(report);
  const first = tables.filter(({ title }) => title === "Budgets");
  const rest = tables.filter(({ title }) => title !== "Budgets");
  const body = [
    "<h1>What the mesh costs</h1>",
    ...warningsOf(report).map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`),
    `<ul class="sentences">${report.sentences.map((each) => `<li>${escapeHtml(each)}</li>`).join("")}</ul>`,
    ...first.map(tableHtml),
    ...section("What is added to none", differences(report)),
    ...section("Latency by percentile", curves(report)),
    ...section("Latency by load", loads(report)),
    ...section("Cost", costs(report)),
    ...section("Block by block", blocks(report)),
    ...rest.map(tableHtml),
  ];
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width"><title>What the mesh costs</title>' +
    `<style>${style}</style></head>\n<body>\n${body.join("\n")}\n</body></html>\n`
  );
}

function section(title: string, pictures: readonly Picture[]): string[] {
  if (pictures.length === 0) return [];
  const figures = pictures.map(
    (each) => `<figure><figcaption>${escapeHtml(each.title)}</figcaption>${each.svg}</figure>`,
  );
  return [`<h2>${escapeHtml(title)}</h2><div class="pictures">${figures.join("\n")}</div>`];
}

function tableHtml({ title, note, head, rows }: Table): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  return (
    `<h2>${escapeHtml(title)}</h2>${note === undefined ? "" : `<p class="note">${escapeHtml(note)}</p>`}` +
    `<div class="scroll"><table><thead>${row(head, "th")}</thead><tbody>` +
    `${rows.map((cells) => row(cells, "td")).join("\n")}</tbody></table></div>`
  );
}
