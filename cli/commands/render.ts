import path from "node:path";
import { chosenStack, projectRoot, stackOptions } from "../stack-option";
import { checkFolder, writeFolder } from "../render/output-folder";
import { render } from "../render/render";
import { declare, filePath } from "../command";

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
    const { stack, configFile } = chosenStack(given);
    checkFolder(out);
    const files = await render({ projectRoot, stack, configFile });
    writeFolder(out, files);
    console.log(`${stack}: ${files.size} files in ${path.relative(process.cwd(), out) || "."}`);
    return 0;
  },
});
