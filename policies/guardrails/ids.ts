/** Names of the guardrails that may have exceptions, as the Pulumi CLI shows them; a file in ./rules each. */
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
] as const;

export type ExceptableId = (typeof guardrailIds)[number];

/** The last one judges the exceptions. */
export type GuardrailId = ExceptableId | "exceptions-current";
