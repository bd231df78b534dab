import { readFileSync } from "node:fs";
import path from "node:path";
import { declare } from "../cli/command";
import { columns } from "../cli/report/terminal";
import { lineCount, productionFiles } from "./check/files";

const root = path.resolve(__dirname, "..");

export const command = declare({
  name: "count",
  summary: "count production files and their imports, and the files that each row of CONTRIBUTING.md names",
  async run() {
    const files = productionFiles(root);
    const lines = new Map(files.map((file) => [file, lineCount(root, file)]));
    const { cycles, importsOf } = await import("./eslint-layers.mjs");
    const graph = new Map(
      files
        .filter((file) => !file.endsWith(".sh"))
        .map((file) => {
          const targets = importsOf(root, file).map(({ target }) => target);
          return [file, [...new Set(targets)].filter((target) => lines.has(target))];
        }),
    );
    const importers = new Map<string, number>();
    for (const target of [...graph.values()].flat()) importers.set(target, (importers.get(target) ?? 0) + 1);
    const linesOf = (files: readonly string[]) => files.reduce((sum, file) => sum + (lines.get(file) ?? 0), 0);
    const typeScript = files.filter((file) => file.endsWith(".ts"));
    const others = files.filter((file) => !file.endsWith(".ts"));
    const inCycles = new Set(cycles(graph).keys());
    const sorted = [...lines.values()].sort((a, b) => a - b);

    const rows: [string, string][] = [
      ["TypeScript", `${typeScript.length} files, ${linesOf(typeScript)} lines`],
      ["shell and JavaScript", `${others.length} files, ${linesOf(others)} lines`],
      ["median lines of a file", String(sorted[Math.floor(sorted.length / 2)] ?? 0)],
      ["files with one importer", String([...importers.values()].filter((each) => each === 1).length)],
      ["files in import cycles", list([...inCycles])],
      ["files over 300 lines", list([...lines].flatMap(([file, each]) => (each > 300 ? [`${file} (${each})`] : [])))],
      ...changeRows().map(([change, paths]): [string, string] => [`to ${change}`, list(paths)]),
    ];
    for (const line of columns(rows)) console.log(line);
    return 0;
  },
});

/** Rows of the table in CONTRIBUTING.md: what is to be changed, and the files for it. */
export function changeRows(): [change: string, paths: string[]][] {
  const text = readFileSync(path.join(root, "CONTRIBUTING.md"), "utf8");
  const [, table = ""] = /^## Where to change what\n([^]*?)(?=^## |$(?![^]))/m.exec(text) ?? [];
  return [...table.matchAll(/^\| ([^|]+?) +\| ([^|]+?) +\|/gm)].flatMap(([, change = "", cell = ""]) => {
    const paths = [...cell.matchAll(/`([^`]+\/[^`]*|[\w.-]+\.\w+)`/g)].map(([, file = ""]) => file);
    return paths.length === 0 ? [] : [[change, paths]];
  });
}

function list(items: readonly string[]): string {
  return items.length === 0 ? "0" : `${items.length}: ${items.join(", ")}`;
}
