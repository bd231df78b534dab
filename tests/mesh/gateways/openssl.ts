import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { skip } from "../../support/skip";

const root = path.resolve(__dirname, "../../..");

export interface KeyPair {
  readonly privateKey: string;
  readonly certificate: string;
}

/** Leaves out the suite on a machine without openssl, with which certificates are made. */
export function needsOpenssl(context: Mocha.Context): void {
  if (spawnSync("openssl", ["version"]).status !== 0) skip(context, "openssl is not on PATH");
}

/** What the project's own script makes. */
export function selfSigned(subjectAltNames: string, days = 760, env: NodeJS.ProcessEnv = process.env): KeyPair {
  const text = execFileSync("bash", ["components/mesh/scripts/self-signed.sh"], {
    cwd: root,
    env: { ...env, SUBJECT_ALT_NAMES: subjectAltNames, DAYS: String(days) },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [privateKey = "", certificate = ""] = text.split(/(?=-----BEGIN CERTIFICATE-----)/);
  return { privateKey, certificate };
}

/** The certificate of an authority, as `caCertificate` names one. */
export function authority(): string {
  return authorityPair().certificate;
}

/** The certificate of an authority, which signs itself, and its key. */
function authorityPair(): KeyPair {
  const text = execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=clients", "-days", "365", "-keyout", "-"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  const [privateKey = "", certificate = ""] = text.split(/(?=-----BEGIN CERTIFICATE-----)/);
  return { privateKey, certificate };
}

/** Two authorities, for a suite that is left out without openssl. */
export function twoAuthorities(context: Mocha.Context): readonly [KeyPair, KeyPair] {
  needsOpenssl(context);
  return [authorityPair(), authorityPair()];
}

/** The certificate of a workload, which an authority has signed. */
export function issuedBy({ certificate, privateKey }: KeyPair): string {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-ca-"));
  const file = (name: string, text = "") => {
    const at = path.join(folder, name);
    if (text !== "") writeFileSync(at, text);
    return at;
  };
  try {
    const [ca, caKey, request] = [file("ca.crt", certificate), file("ca.key", privateKey), file("request")];
    const run = (args: readonly string[]) =>
      execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const asked = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=workload", "-keyout", file("key")];
    run([...asked, "-out", request]);
    return run(["x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "1"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
