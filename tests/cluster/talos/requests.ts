import { execFileSync } from "node:child_process";
import type { CertificateRequest } from "../../support/talosctl/fake";
import { addresses } from "./worlds";

const serving = {
  signer: "kubernetes.io/kubelet-serving",
  user: "system:node:worker-1",
  groups: ["system:nodes", "system:authenticated"],
  usages: ["digital signature", "server auth"],
};
export const own = `DNS:worker-1,IP:${addresses.worker1}`;

/** The request of worker-1's kubelet for a serving certificate. */
export function certificateRequest(
  name: string,
  change: Partial<CertificateRequest> = {},
  sans = own,
  subject?: string,
): CertificateRequest {
  const args = [
    "req",
    "-new",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    "/dev/null",
  ];
  const who = subject ?? "/O=system:nodes/CN=system:node:worker-1";
  const pem = execFileSync("openssl", [...args, "-subj", who, "-addext", `subjectAltName=${sans}`], { stdio: "pipe" });
  return { ...serving, name, request: pem.toString("base64"), ...change };
}
