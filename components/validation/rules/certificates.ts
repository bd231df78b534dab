import { type CertificateFinding, judgeCertificate } from "../certificates";
import type { Problem } from "../../shared/problem";
import { offeredHosts } from "../../model/exposed-hosts";
import type { Settings } from "../../settings/schema";
import { rule } from "./rule";

type Slice = Pick<Settings, "gateways" | "traffic">;

function* findings(
  { gateways, traffic }: Slice,
  secretTexts: ReadonlyMap<string, string>,
  severity: CertificateFinding["severity"],
): Iterable<Problem> {
  for (const [name, { tls }] of Object.entries(gateways)) {
    if (!tls) continue;
    const text = (reference: { readonly secret: string } | undefined) => reference && secretTexts.get(reference.secret);
    const texts = {
      certificate: text(tls.certificate),
      privateKey: text(tls.privateKey),
      caCertificate: text(tls.caCertificate),
    };
    for (const found of judgeCertificate(texts, offeredHosts(traffic, name), new Date())) {
      if (found.severity !== severity) continue;
      yield {
        path: ["gateways", name, "tls", found.field],
        message: `secret ${tls[found.field]?.secret} ${found.message}`,
      };
    }
  }
}

export const certificateRules = [
  rule(["gateways", "traffic"], (settings, { secretTexts }) => findings(settings, secretTexts, "error")),
];

/** Certificates that are still valid and need to be renewed soon. */
export function certificateWarnings(settings: Slice, secretTexts: ReadonlyMap<string, string>): Iterable<Problem> {
  return findings(settings, secretTexts, "warning");
}
