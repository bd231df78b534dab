import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { generateKey, type KeyType, keySet, token } from "../jwt";
import { UserError } from "../../embedded/program/errors";
import { withOptions } from "../options";

const usage = `usage: npm run --silent jwt -- keygen [--type RSA|EC]
       npm run --silent jwt -- jwks < KEY
       npm run --silent jwt -- token --issuer ISS --subject SUB [OPTIONS] < KEY

  keygen             print a new private key (PEM); keep it as a secret of the stack:
                       npm run --silent jwt -- keygen | pulumi config set --secret --path 'talos-mesh:secrets.jwt-key'
  jwks               print the key set of a key's public half, for talos-mesh:security.jwt[].jwks
  token              print a token signed with the key
    --issuer ISS     as in talos-mesh:security.jwt[].issuer
    --subject SUB    who it speaks of
    --audience AUD   once for each
    --claim K=V      once for each; V is JSON where it can be read as such, and text otherwise
    --lifetime SECS  seconds until it expires  (default: 3600)

The key is read from standard input, so that it is in no command line:
  pulumi config get --path 'talos-mesh:secrets.jwt-key' | npm run --silent jwt -- token --issuer ISS --subject SUB`;

const types: readonly KeyType[] = ["RSA", "EC"];

interface TokenOptions {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly lifetime: number;
}

type Options =
  | { readonly command: "keygen"; readonly type: KeyType }
  | { readonly command: "jwks" }
  | { readonly command: "token"; readonly token: TokenOptions };

/**
 * `npm run jwt`: keys and tokens for trying rules about tokens.
 *
 * @returns 0, or 2 where the options are wrong
 * @throws UserError where standard input holds no key
 */
export function main(argv: readonly string[], input: NodeJS.ReadableStream = process.stdin): Promise<number> {
  return withOptions(
    usage,
    () => parse(argv),
    async (options) => {
      console.log(options.command === "keygen" ? generateKey(options.type).trimEnd() : await withKey(options, input));
      return 0;
    },
  );
}

async function withKey(
  options: Exclude<Options, { command: "keygen" }>,
  input: NodeJS.ReadableStream,
): Promise<string> {
  const pem = await text(input);
  try {
    if (options.command === "jwks") return JSON.stringify(keySet(pem));
    return token(pem, { ...options.token, now: Math.floor(Date.now() / 1000) });
  } catch (error) {
    throw error instanceof TypeError ? new UserError(`standard input: ${error.message}`) : error;
  }
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      type: { type: "string", default: "RSA" },
      issuer: { type: "string" },
      subject: { type: "string" },
      audience: { type: "string", multiple: true, default: [] },
      claim: { type: "string", multiple: true, default: [] },
      lifetime: { type: "string", default: "3600" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const [command, ...others] = positionals;
  if (others.length > 0) throw new TypeError(`unexpected: ${others.join(" ")}`);
  const { issuer, subject } = values;
  switch (command) {
    case "keygen": {
      const type = types.find((one) => one === values.type);
      if (!type) throw new TypeError(`--type ${values.type}: expected one of: ${types.join(", ")}`);
      return { command, type };
    }
    case "jwks":
      return { command };
    case "token": {
      if (!issuer || !subject) throw new TypeError("--issuer and --subject are needed");
      const claims = Object.fromEntries(values.claim.map(claim));
      return {
        command,
        token: { issuer, subject, audiences: values.audience, claims, lifetime: seconds(values.lifetime) },
      };
    }
    default:
      throw new TypeError(`found ${command ?? "no command"}; expected keygen, jwks or token`);
  }
}

const reserved: readonly string[] = ["iss", "sub", "aud", "exp", "iat"];

function claim(pair: string): [string, unknown] {
  const at = pair.indexOf("=");
  const name = pair.slice(0, at);
  if (at < 1) throw new TypeError(`--claim ${pair}: expected name=value`);
  if (reserved.includes(name)) throw new TypeError(`--claim ${name}: has an option of its own`);
  const value = pair.slice(at + 1);
  try {
    return [name, JSON.parse(value) as unknown];
  } catch {
    return [name, value];
  }
}

function seconds(given: string): number {
  const lifetime = Number(given);
  if (Number.isInteger(lifetime) && lifetime > 0 && lifetime <= 366 * 24 * 3600) return lifetime;
  throw new TypeError(`--lifetime ${given}: expected whole seconds, at most a year`);
}
