import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { JWK } from "jose" with { "resolution-mode": "import" };
import { UserError } from "./problem";

/** Keys and tokens of JWT rules. */

export const keyTypes = ["RSA", "EC"] as const;
export type KeyType = (typeof keyTypes)[number];

/** A new private key, PKCS #8 PEM: RSA of 2048 bits for RS256, or P-256 for ES256. */
export function generateKey(type: KeyType): string {
  const [rsa, ec] = [{ modulusLength: 2048 }, { namedCurve: "P-256" }];
  const { privateKey } = type === "RSA" ? generateKeyPairSync("rsa", rsa) : generateKeyPairSync("ec", ec);
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** @param source as messages name where the key is from */
export async function keySet(pem: string, source: string): Promise<{ readonly keys: readonly JWK[] }> {
  return { keys: [(await signingKey(pem, source)).jwk] };
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
  /** Whether it says by which key it is signed, as the key set of `keySet` names it. @default true */
  readonly namesKey?: boolean;
}

export async function token(pem: string, request: TokenRequest, source: string): Promise<string> {
  const { SignJWT } = await import("jose");
  const { key, jwk } = await signingKey(pem, source);
  const { issuer: iss, subject: sub, audiences, claims, lifetime, now: iat, namesKey = true } = request;
  const aud = audiences.length > 1 ? [...audiences] : audiences[0];
  return new SignJWT({ ...claims, iss, sub, aud, iat, exp: iat + lifetime })
    .setProtectedHeader({ alg: jwk.alg ?? "", typ: "JWT", ...(namesKey && { kid: jwk.kid }) })
    .sign(key);
}

/** No message repeats the text. */
async function signingKey(pem: string, source: string): Promise<{ readonly key: KeyObject; readonly jwk: JWK }> {
  const { calculateJwkThumbprint, exportJWK } = await import("jose");
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new UserError(`${source}: found no private key in PEM; create one with \`npm run jwt -- keygen\``);
  }
  const jwk = await exportJWK(createPublicKey(key));
  const { kty, crv } = jwk;
  if (kty !== "RSA" && !(kty === "EC" && crv === "P-256")) {
    const found = [kty, crv].filter(Boolean).join(" ");
    throw new UserError(`${source}: found a key of type ${found}; expected RSA, or EC on P-256`);
  }
  const alg = kty === "RSA" ? "RS256" : "ES256";
  return { key, jwk: { ...jwk, alg, use: "sig", kid: await calculateJwkThumbprint(jwk) } };
}
