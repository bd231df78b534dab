import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { importTalconfig, secretName } from "../talhelper/import-talconfig";
import { isSopsEncrypted } from "../talhelper/sops";
import { UserError } from "../../embedded/program/errors";
import { writeNewFile } from "../../embedded/program/new-file";
import { fromUser } from "../../embedded/program/stack-option";
import { withOptions } from "../options";

const root = path.resolve(__dirname, "../..");
const script = "import:talhelper";

const usage = `usage: npm run import:talhelper -- TALCONFIG [--secrets TALSECRET] [--out FILE]

  TALCONFIG            talconfig.yaml; variables such as \${NAME} are taken from the environment
  --secrets TALSECRET  use this cluster's secrets; the file is not copied, the command to store it is printed
  --out FILE           stack file to write  (default: print it)`;

interface Options {
  readonly talconfig: string;
  readonly secrets?: string;
  readonly out?: string;
}

/**
 * `npm run import:talhelper`: a stack file from a talconfig. The stack file goes to stdout, what there is to know about
 * it to stderr.
 *
 * @returns 0; 1 where something essential is missing or the settings refuse the result; 2 where the options are wrong
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(usage, () => parse(argv), run);
}

function run({ talconfig, secrets, out }: Options): number {
  const secretsCommand = secrets === undefined ? undefined : storeSecrets(secrets);
  const { stackFile, notes, problem } = importTalconfig({
    file: talconfig,
    projectRoot: root,
    environment: process.env,
    readFile: read,
    withSecrets: secrets !== undefined,
  });
  report("Missing; nothing was written:", notes.missing);
  report("Not carried over:", notes.lost);
  report("To look at:", notes.remarks);
  if (stackFile === undefined) return 1;
  if (problem !== undefined) report("The settings refuse the result; change it where they say:", problem.split("\n"));
  if (out === undefined) process.stdout.write(stackFile);
  else writeNewFile(out, stackFile);
  if (secretsCommand !== undefined) report("Store the cluster's secrets, in the project's folder:", [secretsCommand]);
  return problem === undefined ? 0 : 1;
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      secrets: { type: "string" },
      out: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
    allowPositionals: true,
  });
  if (values.help) return undefined;
  const [talconfig, ...more] = positionals;
  if (talconfig === undefined) throw new TypeError("TALCONFIG is missing");
  if (more.length > 0) throw new TypeError(`one TALCONFIG at a time; found also ${more.join(", ")}`);
  return {
    talconfig: fromUser(talconfig, script),
    secrets: values.secrets && fromUser(values.secrets, script),
    out: values.out && fromUser(values.out, script),
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? "error"}).`);
  }
}

/** The secrets never pass through here: they go from their file into Pulumi's encryption. */
function storeSecrets(file: string): string {
  const name = `'${path.relative(root, file).replaceAll("'", "'\\''")}'`;
  const store = `pulumi config set --secret --path '${`talos-mesh:secrets.${secretName}`}'`;
  return isSopsEncrypted(read(file)) ? `sops -d ${name} | ${store}` : `${store} < ${name}`;
}

function report(title: string, lines: readonly string[]): void {
  if (lines.length > 0) console.error([title, ...lines.map((line) => `  ${line}`), ""].join("\n"));
}
