import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { capabilityPage } from "../../policies/capabilities/table";
import { answer, type Question } from "../../policies/explain/journey";
import { environmentModel } from "../../policies/environment";
import { UserError } from "../program/errors";
import { stackFileOf } from "../program/stack-option";
import { stackSettings } from "../program/stack-settings";
import { withOptions } from "./options";

const root = path.resolve(__dirname, "../..");
const page = path.join(root, "docs/policies-data-planes.md");

const usage = `usage: npm run policies -- explain --stack STACK --from WORKLOAD --to WORKLOAD [REQUEST]
       npm run policies -- table [--check]

  explain            what would happen to a request, with the rules that decide it; no cluster is asked
    --stack STACK    the stack
    --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)
    --from NAME      who asks: a workload, namespace/workload, a gateway, or outside (a pod that is not in the mesh)
    --to NAME        who is asked: a workload, or namespace/workload
    --method METHOD  (default: GET)
    --path PATH      with its query  (default: /)
    --header K=V     once for each header
    --claim K=V      what a valid token says, once for each claim; iss is its issuer
    --address IP     the caller's, for rules by address

  table              write docs/policies-data-planes.md: what each policy becomes in each data plane
    --check          write nothing, and fail where the page is not current`;

type Options =
  | { readonly command: "table"; readonly check: boolean }
  | { readonly command: "explain"; readonly stack: string; readonly config?: string; readonly question: Question };

/**
 * `npm run policies`: answers from the settings alone.
 *
 * @returns 0; 1 where `table --check` finds another page, or the request would not get through; 2 for wrong options
 * @throws UserError, SettingsError, PolicyError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(
    usage,
    () => parse(argv),
    (options) => (options.command === "table" ? table(options.check) : explain(options)),
  );
}

function table(check: boolean): number {
  const text = capabilityPage();
  const name = path.relative(root, page);
  if (existsSync(page) && readFileSync(page, "utf8") === text) {
    console.log(`${name} is current.`);
    return 0;
  }
  if (check) {
    console.error(`${name} does not say what policies/capabilities says; run \`npm run policies -- table\`.`);
    return 1;
  }
  writeFileSync(page, text);
  console.log(`${name} written.`);
  return 0;
}

function explain({ stack, config, question }: Extract<Options, { command: "explain" }>): number {
  const settings = stackSettings(root, stackFileOf(root, { stack, config }, "policies"));
  const { outcome, steps } = asked(() => answer(environmentModel(settings), question));
  console.log(`${question.method} ${question.path} from ${question.from} to ${question.to}: ${outcome}`);
  for (const step of steps)
    console.log(`  ${step.what}${step.path === undefined ? "" : `  (talos-mesh:${step.path})`}`);
  return outcome === "denied" || outcome === "no route" ? 1 : 0;
}

function asked<Answer>(question: () => Answer): Answer {
  try {
    return question();
  } catch (error) {
    throw error instanceof RangeError ? new UserError(error.message) : error;
  }
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      stack: { type: "string" },
      config: { type: "string" },
      from: { type: "string" },
      to: { type: "string" },
      method: { type: "string", default: "GET" },
      path: { type: "string", default: "/" },
      header: { type: "string", multiple: true, default: [] },
      claim: { type: "string", multiple: true, default: [] },
      address: { type: "string" },
      check: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const [command, ...others] = positionals;
  if (others.length > 0) throw new TypeError(`unexpected: ${others.join(" ")}`);
  if (command === "table") return { command, check: values.check };
  if (command !== "explain") throw new TypeError(`found ${command ?? "no command"}; expected explain or table`);
  const { stack, config, from, to, method, path: asks, address } = values;
  if (!stack || !from || !to) throw new TypeError("--stack, --from and --to are needed");
  if (!asks.startsWith("/")) throw new TypeError(`--path ${asks}: expected a path that begins with /`);
  const claims = values.claim.length > 0 ? pairs("--claim", values.claim) : undefined;
  const question = { from, to, method, path: asks, address, claims, headers: pairs("--header", values.header) };
  return { command, stack, config, question };
}

function pairs(option: string, given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new TypeError(`${option} ${pair}: expected name=value`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
