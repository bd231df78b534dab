import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "mocha";
import { stringify } from "yaml";

const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-stack-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** Writes a stack file that lives as long as the test run: a string as it is, anything else as YAML. */
export function writeStackFile(content: unknown): string {
  const file = path.join(folder, `Pulumi.test-${++count}.yaml`);
  writeFileSync(file, typeof content === "string" ? content : stringify(content));
  return file;
}
