import { readFileSync } from "node:fs";
import path from "node:path";
import { UserError } from "../../components/shared/problem";
import { declare, filePath } from "../command";
import { projectRoot } from "../stack-option";
import { importTalconfig, secretName } from "../talhelper/import-talconfig";
import { checkSecrets, isSopsEncrypted } from "../talhelper/read-talconfig";
import { writeNewFile } from "../write-file";

const file = { value: "file", parse: filePath } as const;

export const command = declare({
  name: "import:talhelper",
  summary: "convert a talconfig into a stack's settings",
  arguments: {
    talconfig: { text: "talconfig.yaml; variables such as ${NAME} are taken from the environment", parse: filePath },
  },
  options: {
    secrets: {
      ...file,
      text: "talsecret.yaml of the cluster; it is not copied, the command that stores it is printed",
    },
    out: { ...file, text: "stack file to write (default: print it)" },
  },
  details: "Prints the stack file on stdout, and notes on stderr.",
  exitCodes: { 1: "something essential is missing, the settings have problems, or something failed" },
  run({ talconfig, secrets, out }) {
    const secretsCommand = secrets === undefined ? [] : [storeSecrets(secrets)];
    const { stackFile, notes, problem } = importTalconfig({
      file: talconfig,
      projectRoot,
      environment: process.env,
      readFile: read,
      withSecrets: secrets !== undefined,
    });
    if (secrets !== undefined) checkSecrets(read(secrets), path.basename(secrets), notes);
    report("Missing; nothing was written:", notes.missing);
    report("Not imported:", notes.lost);
    report("To check:", notes.remarks);
    if (stackFile === undefined) return 1;
    if (problem !== undefined) report("The stack file needs changes:", problem.split("\n"));
    if (out === undefined) process.stdout.write(stackFile);
    else writeNewFile(out, stackFile);
    report("Store the cluster's secrets with this command, in the project's folder:", secretsCommand);
    return problem === undefined ? 0 : 1;
  },
});

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code = "error" } = error as NodeJS.ErrnoException;
    throw new UserError(code === "ENOENT" ? `${file} does not exist.` : `${file} cannot be read (${code}).`);
  }
}

/** The command that stores the secrets: they go from their file directly to Pulumi. */
function storeSecrets(file: string): string {
  const name = `'${path.relative(projectRoot, file).replaceAll("'", "'\\''")}'`;
  const store = `pulumi config set --secret --path '${`talos-mesh:secrets.${secretName}`}'`;
  return isSopsEncrypted(read(file)) ? `sops -d ${name} | ${store}` : `${store} < ${name}`;
}

function report(title: string, lines: readonly string[]): void {
  if (lines.length > 0) console.error([title, ...lines.map((line) => `  ${line}`), ""].join("\n"));
}
