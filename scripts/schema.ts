import path from "node:path";
import { declare } from "../cli/command";
import { projectRoot } from "../cli/stack-option";
import { updateGenerated } from "../cli/write-file";
import { stackFileSchema } from "../components/settings/json-schema";
import { settingsPage } from "./schema/settings-page";

export const command = declare({
  name: "schema",
  summary: "write the JSON Schema by which editors complete and check stack files, and docs/settings.md",
  options: { check: { text: "write nothing; exit code 1 where a file is out of date" } },
  run({ check }) {
    const schema = stackFileSchema();
    const update = (file: string, text: string) =>
      updateGenerated(path.join(projectRoot, file), text, check, "npm run schema");
    const codes = [
      update("talos-mesh.schema.json", `${JSON.stringify(schema, undefined, 2)}\n`),
      update("docs/settings.md", settingsPage(schema, projectRoot)),
    ];
    return Math.max(...codes);
  },
});
