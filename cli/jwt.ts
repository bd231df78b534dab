import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from "node:crypto";

/** Tokens for `security.jwt`: RFC 7515 (signatures), 7517 (keys), 7519 (tokens), 7638 (names of keys). */

export type KeyType = "RSA" | "EC";

/** A new private key, PKCS #8 PEM: RSA of 2048 bits for RS256, or P-256 for ES256. */
export function generateKey(type: KeyType): string {
  const { privateKey } =
    type === "RSA"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

interface SigningKey {
  readonly key: KeyObject;
  readonly alg: "RS256" | "ES256";
  /** Its public half, with the name that tokens refer to. */
  readonly jwk: JsonWebKey;
}

/** @throws TypeError where the text is no private key for RS256 or ES256 */
function signingKey(pem: string): SigningKey {
  const key = readKey(pem);
  const { kty, crv, ...numbers } = createPublicKey(key).export({ format: "jwk" });
  if (kty !== "RSA" && !(kty === "EC" && crv === "P-256")) {
    throw new TypeError(`found a key of type ${[kty, crv].filter(Boolean).join(" ")}; expected RSA, or EC on P-256`);
  }
  const alg = kty === "RSA" ? "RS256" : "ES256";
  const { e, n, x, y } = numbers;
  // Members in the order of their names, as the thumbprint of RFC 7638 has them.
  const members = kty === "RSA" ? { e, kty, n } : { crv, kty, x, y };
  const kid = createHash("sha256").update(JSON.stringify(members)).digest("base64url");
  return { key, alg, jwk: { ...members, alg, use: "sig", kid } };
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new TypeError("found no private key in PEM; make one with `npm run jwt -- keygen`");
  }
}

/** The key set of a private key's public half, for `security.jwt[].jwks`. */
export function keySet(pem: string): { readonly keys: readonly JsonWebKey[] } {
  return { keys: [signingKey(pem).jwk] };
}

export interface TokenRequest {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Seconds until it expires. */
  readonly lifetime: number;
  /** Seconds since 1970, as every time in a token: milliseconds would make it good for 50,000 years. */
  readonly now: number;
}

/** A signed token. */
export function token(pem: string, request: TokenRequest): string {
  const { key, alg, jwk } = signingKey(pem);
  const { issuer, subject, audiences, claims, lifetime, now } = request;
  const payload = {
    ...claims,
    iss: issuer,
    sub: subject,
    ...(audiences.length > 0 && { aud: audiences.length === 1 ? audiences[0] : audiences }),
    iat: now,
    exp: now + lifetime,
  };
  const signed = [{ alg, typ: "JWT", kid: jwk.kid }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  // JWS wants the two numbers of an EC signature side by side, and not in DER.
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}
