export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head.map(markdownText)), line(head.map(() => "---")), ...rows.map((row) => line(row.map(markdownText)))];
}

/** Text that Markdown shows as it is, also in a table. */
export function markdownText(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("\n", " ");
}
