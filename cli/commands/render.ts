import path from "node:path";
import { declare, filePath } from "../command";
import { checkFolder, writeFolder } from "../render/output-folder";
import { render } from "../render/documents";
import { chosenStack, stackOptions } from "../stack-option";

export const command = declare({
  name: "render",
  summary: "write every object, release and command of a stack to files",
  options: {
    ...stackOptions,
    out: {
      value: "folder",
      text: "folder for the files: new, empty, or that of an earlier render",
      required: true,
      parse: filePath,
    },
  },
  async run({ out, ...given }) {
    const choice = chosenStack(given);
    checkFolder(out);
    const files = await render(choice);
    writeFolder(out, files);
    console.log(`${choice.stack}: ${files.size} files in ${path.relative(process.cwd(), out) || "."}`);
    return 0;
  },
});
