import { CommandError, runCommand } from "../../shared/run-command";
import { UserError } from "../../shared/problem";

/** A key and a certificate that no authority has signed, in PEM: what a server must refuse of its clients. */
export async function selfSignedCertificate(): Promise<string> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "-"];
  const args = ["req", "-x509", ...key, "-days", "2", "-subj", "/CN=talos-mesh-verification", "-out", "-"];
  try {
    return (await runCommand("openssl", args, { timeoutMs: 30_000 })).stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const why = error.missing ? "openssl is not on PATH" : error.message;
    throw new UserError(`no client certificate can be made: ${why}; install openssl`, { cause: error });
  }
}
