import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stackFileSchema } from "../components/settings/json-schema";

const file = path.resolve(__dirname, "../talos-mesh.schema.json");

function onDisk(): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * `npm run schema [-- --check]`: writes talos-mesh.schema.json, by which editors complete and check stack files.
 * With `--check` nothing is written.
 *
 * @returns the exit code; 1 where `--check` finds the file missing or stale, 2 for an unknown argument.
 */
export function main(argv: string[]): Promise<number> {
  return Promise.resolve(run(argv));
}

function run(argv: readonly string[]): number {
  const unknown = argv.find((argument) => argument !== "--check");
  if (unknown !== undefined) {
    console.error(`schema: unknown argument ${unknown}; known: --check`);
    return 2;
  }
  const name = path.basename(file);
  const text = `${JSON.stringify(stackFileSchema(), undefined, 2)}\n`;
  if (onDisk() === text) {
    console.log(`${name} is up to date.`);
    return 0;
  }
  if (argv.includes("--check")) {
    console.error(`${name} does not say what components/settings/schema.ts says; run \`npm run schema\`.`);
    return 1;
  }
  writeFileSync(file, text);
  console.log(`${name} written.`);
  return 0;
}
