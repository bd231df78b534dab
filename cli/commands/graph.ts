import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { writeFileAtomically } from "../../components/shared/files";
import { UserError } from "../../components/shared/problem";
import type { VerificationResult } from "../../components/verification/result";
import { declare, filePath } from "../command";
import { graphPage, type LastVerification } from "../graph/page";
import { openStack, projectRoot, stackOptions } from "../stack-option";

export const command = declare({
  name: "graph",
  summary: "a page with a picture of a stack: layers, routes, who may talk to whom, egress",
  options: {
    ...stackOptions,
    out: { value: "file", text: "the page (default: .talos-mesh/STACK/graph.html)", parse: filePath },
  },
  details: "Reads no cluster. Where the stack was verified here, the page has the verdicts of the last full run.",
  run({ out, ...given }) {
    const opened = openStack(given);
    const folder = path.join(projectRoot, ".talos-mesh", opened.stack);
    const page = out ?? path.join(folder, "graph.html");
    writeFileAtomically(
      page,
      graphPage(opened.stack, opened, lastVerification(path.join(folder, "verification/verification.json"))),
    );
    console.log(`${opened.stack}: ${path.relative(process.cwd(), page)}`);
    return 0;
  },
});

function lastVerification(file: string): LastVerification | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as VerificationResult;
  } catch (error) {
    throw new UserError(`graph: ${file} cannot be read: ${(error as Error).message}. Remove it, or verify again.`, {
      cause: error,
    });
  }
}
