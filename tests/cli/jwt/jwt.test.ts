import assert from "node:assert/strict";
import { createHash, createPublicKey, type JsonWebKey, verify } from "node:crypto";
import type { JWK } from "jose" with { "resolution-mode": "import" };
import { runCommand } from "../../../cli/command";
import { command } from "../../../cli/commands/jwt";
import {
  generateKey,
  type KeyType,
  keySet as keySetOf,
  token as tokenOf,
  type TokenRequest,
} from "../../../components/shared/jwt";

const keySet = (pem: string) => keySetOf(pem, "standard input");
const token = (pem: string, request: TokenRequest) => tokenOf(pem, request, "standard input");

const asked = {
  issuer: "https://issuer.example",
  subject: "quentin",
  audiences: [],
  claims: {},
  lifetime: 60,
  now: 1000,
};

function part(text: string, index: number): Record<string, unknown> {
  return JSON.parse(Buffer.from(text.split(".")[index] ?? "", "base64url").toString()) as Record<string, unknown>;
}

/** As a proxy checks it: by the key of the set that the token names. */
function isSigned(text: string, { keys }: { readonly keys: readonly JWK[] }): boolean {
  const [header = "", payload = "", signature = ""] = text.split(".");
  const jwk = keys.find(({ kid }) => kid === part(text, 0).kid);
  assert.ok(jwk, "no key of that name");
  const key = { key: createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }), dsaEncoding: "ieee-p1363" as const };
  return verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
}

describe("tokens for trying rules", () => {
  for (const type of ["RSA", "EC"] as const satisfies readonly KeyType[]) {
    it(`of a key of type ${type} are verified by its key set, and by no other`, async () => {
      const [key, other] = [generateKey(type), generateKey(type)];
      const text = await token(key, asked);
      assert.ok(isSigned(text, await keySet(key)));
      const renamed = (await keySet(other)).keys.map((jwk) => ({ ...jwk, kid: part(text, 0).kid as string }));
      assert.ok(!isSigned(text, { keys: renamed }));
    });

    it(`leave nothing of a private key of type ${type} in its key set`, async () => {
      for (const jwk of (await keySet(generateKey(type))).keys) {
        assert.deepEqual(
          Object.keys(jwk).filter((member) => ["d", "p", "q", "dp", "dq", "qi"].includes(member)),
          [],
        );
      }
    });
  }

  it("say their times in seconds, and the requested claims", async () => {
    const text = await token(generateKey("EC"), { ...asked, audiences: ["shop"], claims: { role: ["admin"] } });
    assert.deepEqual(part(text, 1), {
      role: ["admin"],
      iss: "https://issuer.example",
      sub: "quentin",
      aud: "shop",
      iat: 1000,
      exp: 1060,
    });
  });

  it("name a key by its thumbprint, as in RFC 7638", async () => {
    const { kty, n, e, kid, alg } = (await keySet(generateKey("RSA"))).keys[0] ?? {};
    const members = JSON.stringify({ e, kty, n });
    assert.equal(kid, createHash("sha256").update(members).digest("base64url"));
    assert.equal(alg, "RS256");
  });

  it("are refused for what is no key, without repeating it", async () => {
    await assert.rejects(keySet("secret-text"), (error: Error) => {
      assert.match(error.message, /found no private key in PEM/);
      assert.doesNotMatch(error.message, /secret-text/);
      return true;
    });
  });

  const lifetime = /^--lifetime "1d": expected whole seconds from 1 to 31622400, such as 3600 for an hour/;
  for (const [wrong, message] of [
    [["keygen", "--type", "DSA"]],
    [["token", "--issuer", "a"]],
    [["token", "--issuer", "a", "--subject", "b", "--lifetime", "1d"], lifetime],
    [["token", "--issuer", "a", "--subject", "b", "--claim", "exp=1"]],
    [["sign"]],
  ] satisfies [string[], RegExp?][]) {
    it(`are refused for \`jwt ${wrong.join(" ")}\``, async () => {
      const { error } = console;
      const printed: string[] = [];
      console.error = (line: string) => printed.push(line);
      try {
        assert.equal(await runCommand(command, wrong), 2);
      } finally {
        console.error = error;
      }
      assert.match(printed.join("\n"), /Usage: npm run jwt --/);
      if (message) assert.match(printed.join("\n"), message);
    });
  }
});
