import { declare } from "../command";
import { stackOptions } from "../stack-option";
import { openTalosStack, talosDiff } from "../talos";

export const command = declare({
  name: "talos:diff",
  summary: "show what a deployment would change in the machine configs of Talos nodes",
  options: { ...stackOptions, node: { value: "hostname", text: "one node (default: all)" } },
  details: "The stack must be deployed with the Pulumi CLI. Changes nothing; secrets are left out.",
  exitCodes: { 1: "refused, something failed, or a node did not answer" },
  async run({ node, ...given }) {
    const opened = await openTalosStack(given, "machine configs", "talos:diff reads the stack's state");
    const diffs = await talosDiff({ ...opened, hostname: node });
    for (const { hostname, text } of diffs) console.log(`--- ${hostname}\n${text.trimEnd()}\n`);
    return diffs.some(({ failed }) => failed) ? 1 : 0;
  },
});
