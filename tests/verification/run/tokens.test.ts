import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { generateKey } from "../../../components/shared/jwt";
import { TokenError, Tokens } from "../../../components/verification/run/tokens";

const issuer = "https://issuer.example";
const key = generateKey("RSA");
const now = 1_800_000_000;
const tokens = new Tokens(new Map([[issuer, key]]), () => now);

type Part = Readonly<Record<string, unknown>>;

function read(token: string): { header: Part; claims: Part; isSigned: boolean } {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const json = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString()) as Part;
  const signed = Buffer.from(`${header}.${payload}`);
  const isSigned = verify("sha256", signed, createPublicKey(key), Buffer.from(signature, "base64url"));
  return { header: json(header), claims: json(payload), isSigned };
}

describe("the tokens of probes", () => {
  it("are valid for an hour, by the issuer's key, with the claims that a rule demands", async () => {
    const { header, claims, isSigned } = read(
      await tokens.of({ issuer, audiences: ["shop"], claims: { role: "admin", sub: "quentin" } }),
    );
    assert.ok(isSigned);
    assert.equal(header.kid, undefined, "a key set may name its keys differently");
    assert.deepEqual(claims, { role: "admin", sub: "quentin", iss: issuer, aud: "shop", iat: now, exp: now + 3600 });
  });

  it("that must be refused differ from valid ones in what is wrong only", async () => {
    const { claims: valid } = read(await tokens.of({ issuer, audiences: ["shop"] }));
    const wrong = async (what: "expired" | "issuer" | "audience" | "signature") =>
      read(await tokens.of({ issuer, audiences: ["shop"], wrong: what }));
    const expired = await wrong("expired");
    assert.ok(expired.isSigned && Number(expired.claims.exp) < now - 60, "past Envoy's tolerance");
    const foreign = await wrong("issuer");
    assert.deepEqual([foreign.isSigned, { ...foreign.claims, iss: issuer }], [true, valid]);
    assert.notEqual(foreign.claims.iss, issuer);
    const audience = await wrong("audience");
    assert.deepEqual([audience.isSigned, { ...audience.claims, aud: "shop" }], [true, valid]);
    assert.notEqual(audience.claims.aud, "shop");
    const signature = await wrong("signature");
    assert.deepEqual([signature.isSigned, signature.claims], [false, valid]);
    assert.throws(() => read("not-a-token"));
    assert.equal(await tokens.of({ issuer, wrong: "malformed" }), "not-a-token");
  });

  it("without the issuer's key can only be refused", async () => {
    const unknown = "https://other.example";
    await assert.rejects(tokens.of({ issuer: unknown }), TokenError);
    assert.ok(!read(await tokens.of({ issuer: unknown, wrong: "expired" })).isSigned);
  });

  it("are signed once for equal requests", async () => {
    const asked = { issuer, claims: { role: "once" } };
    assert.equal(await tokens.of(asked), await tokens.of({ ...asked }));
  });
});
