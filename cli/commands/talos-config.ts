import path from "node:path";
import { declare, filePath } from "../command";
import { openStack, stackOptions } from "../stack-option";
import { exportState, talosCluster, talosconfig } from "../talos";
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
    const opened = openStack(given);
    const cluster = talosCluster(opened, "a talosconfig");
    const state = await exportState(opened, "talos:config reads the machine secrets in the stack's state");
    // Readable by its owner only.
    writeNewFile(out, await talosconfig({ ...opened, cluster, state }), 0o600);
    const node = cluster.nodes[0]?.ipAddress ?? "";
    console.log(`${path.relative(process.cwd(), out)}: talosctl --talosconfig ${out} -n ${node} services`);
    return 0;
  },
});
