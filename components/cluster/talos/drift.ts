import * as pulumi from "@pulumi/pulumi";
import { type StepInput, stepLook } from "./step";

/**
 * Warns, in a preview, of a node that does not run the config that the stack gave it. A node that does not answer is
 * no news, and neither is one whose config this very preview changes: its input is unknown then, and nobody is asked.
 */
export function warnOfDrift(hostname: string, applied: StepInput, opts: pulumi.InvokeOptions): void {
  stepLook("drift", applied, opts).apply((text) => {
    const { result, lines } = parseReport(text);
    const diff = `npm run talos:diff -- --stack ${pulumi.getStack()} --node ${hostname}`;
    if (result === "changed") {
      void pulumi.log.warn(
        `node ${hostname} runs another machine config than the stack's (${lines} lines differ); see them with: ${diff}`,
      );
    }
    if (result === "staged") {
      void pulumi.log.warn(`node ${hostname} has a machine config that waits for a reboot; see it with: ${diff}`);
    }
  });
}

interface Report {
  readonly result: string;
  readonly lines: string;
}

/** What the step printed; unknown where it is no report. */
function parseReport(text: string): Report {
  try {
    const { result = "unknown", lines = "0" } = JSON.parse(text) as Partial<Report>;
    return { result, lines };
  } catch {
    return { result: "unknown", lines: "0" };
  }
}
