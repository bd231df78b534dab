import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { declare } from "../cli/command";
import { stackFileSchema } from "../components/settings/json-schema";

const file = path.resolve(__dirname, "../talos-mesh.schema.json");

export const command = declare({
  name: "schema",
  summary: "write the JSON Schema by which editors complete and check stack files",
  options: { check: { text: "write nothing; exit code 1 where the file is out of date" } },
  run({ check }) {
    const name = path.basename(file);
    const text = `${JSON.stringify(stackFileSchema(), undefined, 2)}\n`;
    if (existsSync(file) && readFileSync(file, "utf8") === text) {
      console.log(`${name} is up to date.`);
      return 0;
    }
    if (check) {
      console.error(`${name} is out of date; run \`npm run schema\`.`);
      return 1;
    }
    writeFileSync(file, text);
    console.log(`${name} written.`);
    return 0;
  },
});
