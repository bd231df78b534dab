import { declare } from "../command";
import { openStack, stackOptions } from "../stack-option";
import { exportState, talosDiff } from "../talos";

export const command = declare({
  name: "talos:diff",
  summary: "show what a deployment would change in the machine configs of Talos nodes",
  options: { ...stackOptions, node: { value: "hostname", text: "one node (default: all)" } },
  details: `The stack must be deployed with the Pulumi CLI. Changes nothing; secrets are left out.

Exit code 1 where a node did not answer.`,
  async run({ node, ...given }) {
    const opened = openStack(given);
    const state = await exportState(opened, "talos:diff reads the stack's state");
    const diffs = await talosDiff({ ...opened, state, hostname: node });
    for (const { hostname, text } of diffs) console.log(`--- ${hostname}\n${text.trimEnd()}\n`);
    return diffs.some(({ failed }) => failed) ? 1 : 0;
  },
});
