import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { text } from "node:stream/consumers";
import type { JWK } from "jose" with { "resolution-mode": "import" };
import { parseJson } from "../../components/shared/json";
import { UserError } from "../../components/shared/problem";
import { type Command, declare, nameAndValue, UsageError } from "../command";

const keyTypes = ["RSA", "EC"] as const;
export type KeyType = (typeof keyTypes)[number];

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
    console.log(JSON.stringify(await keySet(await text(process.stdin))));
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
    console.log(await token(await text(process.stdin), { ...request, audiences, claims, now }));
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

/** A new private key, PKCS #8 PEM: RSA of 2048 bits for RS256, or P-256 for ES256. */
export function generateKey(type: KeyType): string {
  const [rsa, ec] = [{ modulusLength: 2048 }, { namedCurve: "P-256" }];
  const { privateKey } = type === "RSA" ? generateKeyPairSync("rsa", rsa) : generateKeyPairSync("ec", ec);
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export async function keySet(pem: string): Promise<{ readonly keys: readonly JWK[] }> {
  return { keys: [(await signingKey(pem)).jwk] };
}

export interface TokenRequest {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Seconds until it expires. */
  readonly lifetime: number;
  /** Seconds since 1970, the unit of all times in a token. */
  readonly now: number;
}

export async function token(pem: string, request: TokenRequest): Promise<string> {
  const { SignJWT } = await import("jose");
  const { key, jwk } = await signingKey(pem);
  const { issuer: iss, subject: sub, audiences, claims, lifetime, now: iat } = request;
  const aud = audiences.length > 1 ? [...audiences] : audiences[0];
  return new SignJWT({ ...claims, iss, sub, aud, iat, exp: iat + lifetime })
    .setProtectedHeader({ alg: jwk.alg ?? "", typ: "JWT", kid: jwk.kid })
    .sign(key);
}

/** No message repeats the text. */
async function signingKey(pem: string): Promise<{ readonly key: KeyObject; readonly jwk: JWK }> {
  const { calculateJwkThumbprint, exportJWK } = await import("jose");
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new UserError("standard input: found no private key in PEM; create one with `npm run jwt -- keygen`");
  }
  const jwk = await exportJWK(createPublicKey(key));
  const { kty, crv } = jwk;
  if (kty !== "RSA" && !(kty === "EC" && crv === "P-256")) {
    const found = [kty, crv].filter(Boolean).join(" ");
    throw new UserError(`standard input: found a key of type ${found}; expected RSA, or EC on P-256`);
  }
  const alg = kty === "RSA" ? "RS256" : "ES256";
  return { key, jwk: { ...jwk, alg, use: "sig", kid: await calculateJwkThumbprint(jwk) } };
}

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
