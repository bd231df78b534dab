/** A table of Markdown; text that came from outside has to go through `markdownText`. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cell = (markdown: string) =>
    markdown
      .replace(/(?<!\\)\|/g, "\\|")
      .replaceAll("<", "&lt;")
      .replaceAll("\n", " ");
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head.map(cell)), line(head.map(() => "---")), ...rows.map((row) => line(row.map(cell)))];
}

/**
 * Text that Markdown shows as it is, on one line, also in a table: no formatting, link, image, HTML, mention or reference of it
 * has an effect. A space without width breaks what GitHub finds in the text after its Markdown.
 */
export function markdownText(text: string): string {
  const entities = new Map([
    ["&", "&amp;"],
    ["<", "&lt;"],
    [">", "&gt;"],
    ["$", "&#36;"],
  ]);
  return text
    .replace(/\s+/g, " ")
    .replace(/[&<>$]/g, (found) => entities.get(found) ?? found)
    .replace(/[\\`*[|~]|(?<!\w)_|_(?!\w)/g, "\\$&")
    .replace(/@|(?<![&\w])#(?=\w)|:(?=\/\/)|\bwww(?=\.)|\bGH(?=-\d)/gi, "$&&#8203;");
}
