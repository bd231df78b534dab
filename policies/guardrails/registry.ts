import type { Guardrail } from "./guardrail";
import { defaultDeny } from "./rules/default-deny";
import { egressClosed } from "./rules/egress-closed";
import { exceptionsCurrent } from "./rules/exceptions-current";
import { highAvailability } from "./rules/high-availability";
import { imagesByDigest } from "./rules/images-by-digest";
import { imagesPinned } from "./rules/images-pinned";
import { ingressTls } from "./rules/ingress-tls";
import { mtlsStrict } from "./rules/mtls-strict";
import { noDryRun } from "./rules/no-dry-run";
import { noFaults } from "./rules/no-faults";
import { noNodePorts } from "./rules/no-node-ports";
import { noPlainSecrets } from "./rules/no-plain-secrets";
import { noPrivilegedPods } from "./rules/no-privileged-pods";
import { noWildcardHosts } from "./rules/no-wildcard-hosts";
import { observabilityPersistent } from "./rules/observability-persistent";
import { podSecurityLabels } from "./rules/pod-security-labels";
import { resourcesSet } from "./rules/resources-set";
import { secretsProtected } from "./rules/secrets-protected";
import { sidecarScope } from "./rules/sidecar-scope";

/** In the order of ./ids, in which they are documented and reported. */
export const guardrails: readonly Guardrail[] = [
  noWildcardHosts,
  mtlsStrict,
  defaultDeny,
  noFaults,
  noDryRun,
  egressClosed,
  sidecarScope,
  ingressTls,
  imagesPinned,
  imagesByDigest,
  resourcesSet,
  noPrivilegedPods,
  podSecurityLabels,
  noNodePorts,
  secretsProtected,
  noPlainSecrets,
  highAvailability,
  observabilityPersistent,
  exceptionsCurrent,
];
