import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { capabilityPage } from "../../policies/capabilities/table";
import { answer, type Question } from "../../policies/explain/journey";
import { environmentModel } from "../../policies/environment";
import { plainText } from "../../policies/plain-text";
import { clusterAccess } from "../engine/cluster-access";
import { UserError } from "../../embedded/program/errors";
import { stackFileOf } from "../../embedded/program/stack-option";
import { stackSettings } from "../../embedded/program/stack-settings";
import { table } from "../report/format";
import { Terminal } from "../report/terminal";
import { required, stackOptions, withOptions } from "../options";

const root = path.resolve(__dirname, "../..");
const page = path.join(root, "docs/policies-data-planes.md");

const usage = `usage: npm run policies -- explain --stack STACK --from WORKLOAD --to WORKLOAD [REQUEST]
       npm run policies -- plaintext --stack STACK [--window TIME]
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

  plaintext          who still speaks plain text, before mTLS becomes STRICT; asks the stack's Prometheus
    --stack STACK    the stack
    --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)
    --window TIME    how far back, such as 12h or 7d  (default: 1d)

  table              write docs/policies-data-planes.md: what each policy becomes in each data plane
    --check          write nothing, and fail where the page is not current`;

type Options =
  | { readonly command: "table"; readonly check: boolean }
  | { readonly command: "plaintext"; readonly stack: string; readonly config?: string; readonly window: string }
  | { readonly command: "explain"; readonly stack: string; readonly config?: string; readonly question: Question };

/**
 * `npm run policies`: answers from the settings, and one from the figures of the mesh.
 *
 * @returns 0; 1 where `table --check` finds another page, the request would not get through, or plain text was spoken
 * or nothing can be said of it; 2 for wrong options
 * @throws UserError, SettingsError, PolicyError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(
    usage,
    () => parse(argv),
    (options) => {
      switch (options.command) {
        case "table":
          return writeTable(options.check);
        case "explain":
          return explain(options);
        case "plaintext":
          return reportPlainText(options);
      }
    },
  );
}

function writeTable(check: boolean): number {
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

async function reportPlainText(
  options: Extract<Options, { command: "plaintext" }>,
  terminal: Pick<Terminal, "line"> = new Terminal(),
): Promise<number> {
  const { stack, config, window } = options;
  const settings = stackSettings(root, stackFileOf(root, { stack, config }, "policies"));
  const { observability } = settings;
  if (!observability?.prometheus) {
    throw new UserError(
      "plaintext asks the stack's Prometheus, and talos-mesh:observability has none: nobody counts who speaks plain text. Add prometheus: {} there.",
    );
  }
  if (settings.cluster.kind === "embedded") {
    throw new UserError("plaintext: nodes are simulated and carry no traffic, so that there is nothing to count.");
  }
  const access = await clusterAccess({ projectRoot: root, stack }, settings, "plaintext asks the cluster's Prometheus");
  const server = await ApiServer.open(access);
  const { namespace } = observability;
  const read = (asks: string) => server.request("GET", asks).catch((error: unknown) => noAnswer(namespace, error));
  const { pairs, total } = await plainText(read, { namespace, window });
  if (total === 0) {
    terminal.line(`Prometheus saw no traffic in the mesh in ${window}: nothing can be said of plain text.`);
    return 1;
  }
  if (pairs.length === 0) {
    terminal.line(`Nobody spoke plain text in ${window}: all of what the mesh carried was mTLS.`);
    return 0;
  }
  const rows = pairs.map(({ from, to, count }) => [from, to, Math.ceil(count)]);
  for (const line of table(["from", "to", `requests and connections in ${window}`], rows)) terminal.line(line);
  if (pairs.some(({ from }) => from === "unknown/unknown")) {
    terminal.line("unknown/unknown: callers outside the mesh, which tell no name.");
  }
  return 1;
}

function noAnswer(namespace: string, error: unknown): never {
  throw new UserError(`plaintext: the Prometheus of namespace ${namespace} does not answer: ${String(error)}`);
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
      ...stackOptions,
      from: { type: "string" },
      to: { type: "string" },
      method: { type: "string", default: "GET" },
      path: { type: "string", default: "/" },
      header: { type: "string", multiple: true, default: [] },
      claim: { type: "string", multiple: true, default: [] },
      address: { type: "string" },
      window: { type: "string", default: "1d" },
      check: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const [command, ...others] = positionals;
  if (others.length > 0) throw new TypeError(`unexpected: ${others.join(" ")}`);
  if (command === "table") return { command, check: values.check };
  const { stack, config, from, to, method, path: asks, address, window } = values;
  if (command === "plaintext") {
    if (!/^[1-9]\d*[smhdw]$/.test(window)) throw new TypeError(`--window ${window}: expected a time such as 12h or 7d`);
    return { command, stack: required("--stack", stack), config, window };
  }
  if (command !== "explain")
    throw new TypeError(`found ${command ?? "no command"}; expected explain, plaintext or table`);
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
