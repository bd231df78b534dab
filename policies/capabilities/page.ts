import { capabilities } from ".";
import { type Capability, seenOn, type Support } from "./capability";

/** The page docs/policies-data-planes.md. */
export function capabilityPage(): string {
  const rows: readonly Capability[] = Object.values(capabilities);
  return `# What each policy becomes in each data plane

Generated from \`policies/capabilities/\` by \`npm run policies -- table\`; validation takes its refusals from the same
table, and each row has a test. _Converted_: in another form, with the same effect. _Refused_: with this reason, before
anything is deployed. _Measured_: its effect was measured with real traffic, and what it must block was blocked, with
${seenOn}; \`-\`: only the API server and istiod have accepted it so far. Settings are explained in
[the stack file](stack-file.md).

${table(rows)}
`;
}

function table(rows: readonly Capability[]): string {
  const lines = rows.map(({ title, setting, sidecar, ambient, since, seen }) => [
    since === undefined ? title : `${title} (Istio ${since} and newer)`,
    `\`${setting}\``,
    cell(sidecar),
    cell(ambient),
    seen?.join(", ") ?? "-",
  ]);
  const all = [["Capability", "Setting", "Sidecar", "Ambient", "Measured"], ...lines];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const row = (line: readonly string[]) =>
    `| ${line.map((value, column) => value.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = all;
  return [row(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(row)].join("\n");
}

function cell(support: Support): string {
  if ("native" in support) return escaped(support.native);
  if ("converted" in support) return `_converted:_ ${escaped(support.converted)}`;
  return `**refused:** ${escaped(support.refused)}. Instead: ${escaped(support.instead)}`;
}

function escaped(cellText: string): string {
  return cellText.replace(/\|/g, "\\|");
}
