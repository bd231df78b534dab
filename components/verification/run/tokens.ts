import { generateKey, token } from "../../shared/jwt";
import { UserError } from "../../shared/problem";
import type { ProbeToken } from "../probe";

/** There is no key for a token that must be valid. */
export class TokenError extends UserError {
  override readonly name = "TokenError";
}

const hour = 3600;

/** Makes tokens, equal ones once. */
export class Tokens {
  private readonly made = new Map<string, Promise<string>>();
  /** Signs what must be refused for its signature. */
  private readonly foreignKey = generateKey("RSA");

  /** @param keys private keys (PEM) by issuer */
  constructor(
    private readonly keys: ReadonlyMap<string, string>,
    private readonly now = () => Math.floor(Date.now() / 1000),
  ) {}

  of(wanted: ProbeToken): Promise<string> {
    const key = JSON.stringify(wanted);
    const token = this.made.get(key) ?? this.make(wanted);
    this.made.set(key, token);
    return token;
  }

  private async make({ issuer, audiences = [], claims = {}, wrong }: ProbeToken): Promise<string> {
    if (wrong === "malformed") return "not-a-token";
    const key = wrong === "signature" ? this.foreignKey : (this.keys.get(issuer) ?? (wrong && this.foreignKey));
    if (key === undefined) {
      throw new TokenError(`no key signs tokens of ${issuer}; name it in verification.tokens`);
    }
    const now = this.now();
    const request = {
      issuer: wrong === "issuer" ? `${issuer}.another` : issuer,
      subject: typeof claims.sub === "string" ? claims.sub : "talos-mesh-verification",
      audiences: wrong === "audience" ? ["talos-mesh-verification-another"] : audiences,
      claims,
      lifetime: hour,
      // Envoy accepts a token for a minute after its end.
      now: wrong === "expired" ? now - 2 * hour : now,
      // A key set may name its keys differently.
      namesKey: false,
    };
    return token(key, request, `the signing key of ${issuer}`);
  }
}
