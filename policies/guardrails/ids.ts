/** Names of the guardrails, as exceptions and the Pulumi CLI have them; a file in ./rules each. */
export const guardrailIds = [
  "no-wildcard-hosts",
  "mtls-strict",
  "default-deny",
  "no-faults",
  "no-dry-run",
  "egress-closed",
  "sidecar-scope",
  "ingress-tls",
  "images-pinned",
  "images-by-digest",
  "resources-set",
  "no-privileged-pods",
  "pod-security-labels",
  "no-node-ports",
  "secrets-protected",
  "no-plain-secrets",
  "high-availability",
  "observability-persistent",
  "exceptions-current",
] as const;

export type GuardrailId = (typeof guardrailIds)[number];
