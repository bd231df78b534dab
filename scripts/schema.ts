import path from "node:path";
import { declare } from "../cli/command";
import { updateGenerated } from "../cli/write-file";
import { stackFileSchema } from "../components/settings/json-schema";

export const command = declare({
  name: "schema",
  summary: "write the JSON Schema by which editors complete and check stack files",
  options: { check: { text: "write nothing; exit code 1 where the file is out of date" } },
  run({ check }) {
    const text = `${JSON.stringify(stackFileSchema(), undefined, 2)}\n`;
    return updateGenerated(path.resolve(__dirname, "../talos-mesh.schema.json"), text, check, "npm run schema");
  },
});
