import path from "node:path";
import { UserError } from "../../components/shared/problem";
import { writeNewFile } from "../new-file";
import { readStack } from "../../components/validation/stack";
import { declare, filePath } from "../command";
import { chosenStack, projectRoot, stackOptions } from "../stack-option";
import { exportState, talosconfig } from "../talos";

export const command = declare({
  name: "talos:config",
  summary: "write a talosconfig for talosctl, with a client certificate valid for a year",
  options: {
    ...stackOptions,
    out: {
      value: "file",
      text: "talosconfig to write",
      default: "talosconfig",
      parse: filePath,
    },
  },
  details: "The stack must be deployed with the Pulumi CLI; a deployment that has not finished is enough.",
  async run({ out, ...given }) {
    const { stack, configFile } = chosenStack(given);
    const { cluster } = readStack(projectRoot, configFile).settings;
    if (cluster.kind !== "talos") {
      throw new UserError(`--stack ${stack}: cluster.kind is ${cluster.kind}; only talos has a talosconfig.`);
    }
    const state = await exportState(
      { projectRoot, stack },
      "talos:config reads the machine secrets in the stack's state",
    );
    // Readable by its owner only.
    writeNewFile(out, await talosconfig({ projectRoot, cluster, state }), 0o600);
    const [node = ""] = cluster.nodes.map(({ ipAddress }) => ipAddress);
    console.log(`${path.relative(process.cwd(), out)}: talosctl --talosconfig ${out} -n ${node} services`);
    return 0;
  },
});
