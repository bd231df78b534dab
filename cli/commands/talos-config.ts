import path from "node:path";
import { declare, filePath } from "../command";
import { stackOptions } from "../stack-option";
import { openTalosStack, talosconfig } from "../talos";
import { writeNewFile } from "../write-file";

export const command = declare({
  name: "talos:config",
  summary: "write a talosconfig for talosctl, with a client certificate valid for a year",
  options: {
    ...stackOptions,
    out: { value: "file", text: "talosconfig to write", default: "talosconfig", parse: filePath },
  },
  details: "The stack must be deployed with the Pulumi CLI; a deployment that has not finished is enough.",
  async run({ out, ...given }) {
    const purpose = "talos:config reads the machine secrets in the stack's state";
    const opened = await openTalosStack(given, "a talosconfig", purpose);
    // Readable by its owner only.
    writeNewFile(out, await talosconfig(opened), 0o600);
    const node = opened.cluster.nodes[0]?.ipAddress ?? "";
    console.log(`${path.relative(process.cwd(), out)}: talosctl --talosconfig ${out} -n ${node} services`);
    return 0;
  },
});
