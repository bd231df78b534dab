import { text } from "node:stream/consumers";
import { parseJson } from "../../components/shared/json";
import { generateKey, keySet, keyTypes, token } from "../../components/shared/jwt";
import { type Command, declare, nameAndValue, UsageError } from "../command";

/** As messages name where the key is from. */
const source = "standard input";

const keygen = declare({
  name: "keygen",
  summary: "print a new private key (PEM); keep it as a secret of the stack",
  options: { type: { value: "type", choices: keyTypes, default: "RSA" } },
  run({ type }) {
    console.log(generateKey(type).trimEnd());
    return 0;
  },
});

const jwks = declare({
  name: "jwks",
  summary: "print the public key set of a key, for talos-mesh:security.jwt[].jwks",
  async run() {
    console.log(JSON.stringify(await keySet(await text(process.stdin), source)));
    return 0;
  },
});

const tokenCommand = declare({
  name: "token",
  summary: "print a token signed with the key",
  options: {
    issuer: { value: "iss", text: "as in talos-mesh:security.jwt[].issuer", required: true },
    subject: { value: "sub", text: "subject of the token", required: true },
    audience: { value: "aud", text: "audience; once for each", repeated: true },
    claim: {
      value: "name=value",
      text: "further claim; once for each; the value is JSON where it can be parsed as such, else a string",
      repeated: true,
      parse: claimOf,
    },
    lifetime: { value: "seconds", text: "seconds until it expires", default: "3600", parse: lifetimeOf },
  },
  async run({ audience: audiences, claim, ...request }) {
    const [claims, now] = [Object.fromEntries(claim), Math.floor(Date.now() / 1000)];
    console.log(await token(await text(process.stdin), { ...request, audiences, claims, now }, source));
    return 0;
  },
});

export const command: Command = {
  name: "jwt",
  summary: "create keys and tokens for JWT rules (npm run jwt -- keygen)",
  details: `Keys are read from standard input, so that they appear in no command line:
  npm run --silent jwt -- keygen | pulumi config set --secret --path 'talos-mesh:secrets.jwt-key'
  pulumi config get --path 'talos-mesh:secrets.jwt-key' | npm run --silent jwt -- token --issuer ISS --subject SUB`,
  commands: [keygen, jwks, tokenCommand],
};

function claimOf(pair: string): readonly [name: string, value: unknown] {
  const [name, value] = nameAndValue(pair);
  if (["iss", "sub", "aud", "exp", "iat"].includes(name)) throw new UsageError(`${name} has an option of its own`);
  const json = parseJson(value);
  return [name, json === undefined ? value : json];
}

function lifetimeOf(text: string): number {
  const lifetime = Number(text);
  const longest = 366 * 24 * 3600;
  if (Number.isInteger(lifetime) && lifetime > 0 && lifetime <= longest) return lifetime;
  throw new UsageError(`expected whole seconds from 1 to ${longest}, such as 3600 for an hour`);
}
