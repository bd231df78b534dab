import { parseArgs } from "node:util";
import { type Page, pages } from "./page";

export interface DashboardOptions {
  readonly page: Page;
  readonly stack: string;
  readonly config?: string;
  /** Local port. @default the addon's own */
  readonly port?: number;
  readonly showPassword: boolean;
}

export const usage = `usage: npm run dashboard -- ${pages.join("|")} [--stack STACK] [--config FILE] [--port PORT] [--show-password]

  --stack STACK    the stack  (default: dev)
  --config FILE    its stack file  (default: Pulumi.STACK.yaml of this project)
  --port PORT      port on this machine; 0 is any free one  (default: the addon's own)
  --show-password  print the password or a token for the login, instead of the command that gets it`;

/**
 * @returns undefined where the usage was asked for
 * @throws TypeError where the options are wrong
 */
export function parseDashboardOptions(argv: readonly string[]): DashboardOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      stack: { type: "string", default: "dev" },
      config: { type: "string" },
      port: { type: "string" },
      "show-password": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const [name, ...more] = positionals;
  const page = pages.find((each) => each === name);
  if (!page || more.length > 0) {
    const found = positionals.length > 0 ? `found ${positionals.join(" ")}` : "no addon is named";
    throw new TypeError(`${found}; expected one of: ${pages.join(", ")}`);
  }
  const { stack, config } = values;
  return { page, stack, config, port: portOf(values.port), showPassword: values["show-password"] };
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new TypeError(`--port ${text}: expected a number from 0 to 65535`);
}
