import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { UserError } from "../../components/shared/problem";
import { type EngineRequest } from "../engine/choose";
import { findPulumi, NotDeployedError, previewStack, queryStack } from "../engine/pulumi-cli";
import { pulumiEngine } from "../engine/pulumi";
import { recordedEngine } from "../engine/records";
import { documents, rendered } from "../render/documents";
import { Progress } from "../report/progress";
import { count, type Terminal } from "../report/terminal";
import { commandFor } from "../stack-option";

/**
 * Shows what a deployment of the stack file would change: `pulumi preview` where the CLI has deployed the stack, by
 * `npm start` or in the project; else by comparing what is rendered. Gives the exit code.
 *
 * @param before text of the stack file before it was changed
 */
export async function showPreview(request: EngineRequest, before: string, terminal: Terminal): Promise<number> {
  const recorded = recordedEngine(request);
  const cli = await findPulumi(process.env);
  const compare = async (reason: string) => {
    terminal.lines(`No \`pulumi preview\`: ${reason} What is rendered, before and after:`, "");
    terminal.lines(...(await renderChanges(request, before)));
    return 0;
  };
  if (recorded === "embedded") return compare("the embedded engine deploys this stack, and has none.");
  if ("problem" in cli) return compare(`${cli.problem}.`);
  if (recorded === "pulumi") {
    const engine = pulumiEngine(cli);
    return (await engine.preview({ ...request, observer: new Progress(terminal, true) })) ? 0 : 1;
  }
  try {
    await queryStack(request, ["output", "--json"], "upgrade reads the stack's outputs");
  } catch (error) {
    if (error instanceof NotDeployedError) return compare("the Pulumi CLI has not deployed this stack.");
    if (error instanceof UserError) return compare(error.message.replace(/\.?$/, "."));
    throw error;
  }
  return previewStack(cli, request);
}

/** Objects, releases and commands that the change of the stack file adds, removes and changes. */
async function renderChanges(request: EngineRequest, before: string): Promise<string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-upgrade-"));
  try {
    const configFile = path.join(folder, path.basename(request.configFile));
    writeFileSync(configFile, before, { mode: 0o600 });
    const old = documents(await rendered({ ...request, configFile }));
    const current = documents(await rendered(request));
    const names = [...new Set([...old.keys(), ...current.keys()])].sort();
    const changes = names.flatMap((name) => {
      if (old.get(name) === current.get(name)) return [];
      return [`  ${!old.has(name) ? "+" : !current.has(name) ? "-" : "~"} ${name}`];
    });
    const same = names.length - changes.length;
    return [
      ...changes,
      `${count(changes.length, "file")} differ, ${same} do not. The files: npm run render -- --stack ${request.stack} --out out/${request.stack}`,
      `Deploy: ${commandFor("npm start", request.stack)}`,
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
