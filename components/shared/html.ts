import { readFileSync } from "node:fs";
import path from "node:path";

/**
 * A self-contained page, without scripts, fonts or images from elsewhere. Its base style (`page.css`) has dark and light
 * colors, and prints on A4.
 */
export function htmlPage(title: string, style: string, body: readonly string[]): string {
  const base = readFileSync(path.join(__dirname, "page.css"), "utf8");
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    `<meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>` +
    `<style>${base}${style}</style></head>\n<body><main>\n${body.join("\n")}\n</main></body></html>\n`
  );
}

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

export function foldedHtml(title: string, content: readonly string[]): string {
  return `<details><summary>${escapeHtml(title)}</summary>${content.join("")}</details>`;
}

/** Content that scrolls where the page is narrower, also by the keyboard (WCAG 2.2, 2.1.1). */
export function scrollHtml(label: string, content: string): string {
  return `<div class="scroll" role="region" aria-label="${escapeHtml(label)}" tabindex="0">${content}</div>`;
}

/** A table of text. */
export function tableHtml(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => (cell === "" ? "<td></td>" : `<${tag}>${escapeHtml(cell)}</${tag}>`)).join("")}</tr>`;
  return scrollHtml(
    head.filter((cell) => cell !== "").join(", "),
    `<table><thead>${row(head, "th")}</thead><tbody>${rows.map((cells) => row(cells, "td")).join("\n")}</tbody></table>`,
  );
}
