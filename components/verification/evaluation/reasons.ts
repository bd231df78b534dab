import type { Answer, Outcome, ProbeKind, Series } from "../probe";
import type { Observation } from "../result";
import type { Ending } from "./answers";
import { describeProxy, type Mismatch } from "./outcomes";

/** Kinds of policy by the answers that are theirs; the application's is no policy's. */
const owners: Readonly<Record<Answer, readonly ProbeKind[]>> = {
  application: [],
  denied: ["authorization"],
  "token refused": ["tokens"],
  "no route": ["routes", "gateways", "weights"],
  rule: ["routes", "gateways"],
  fault: ["faults"],
  overflow: ["circuit-breakers"],
  timeout: ["timeouts"],
  "rate limited": ["rate-limits"],
  blocked: ["egress"],
  reset: ["mtls"],
  unreachable: [],
  "no answer": [],
};

export function isOwnedBy(kind: ProbeKind, answer: Answer): boolean {
  return owners[answer].includes(kind);
}

/** Why a request that another kind of policy, or no server, ended says nothing about the one that is measured. */
export function obstruction({ seen, aspect }: Mismatch, outcome: Outcome, ending: Ending): string {
  const start = `expected "${outcome.title}"; a request was ${seen}`;
  const [owner] = owners[ending.answer];
  if (aspect === "evidence" && outcome.certificate) return `${start}: no certificate was seen`;
  if (aspect === "evidence") return `${start}: its proxy writes no log for probes, or the log came too late`;
  if (aspect === "attribute") return `${start}: the control does not show that the measurement can tell`;
  if (owner !== undefined) return `${start}, which says nothing of this policy: see the probes of ${owner}`;
  return `${start}, which says nothing of this policy: see the health of its server`;
}

/** Why a policy does not hold, with the likely cause. */
export function refutation(
  { seen }: Mismatch,
  outcome: Outcome,
  { observation, ending, series }: { observation: Observation; ending: Ending; series: Series },
): string {
  const cause = likelyCause(outcome, observation, ending, series);
  return `expected "${outcome.title}"; a request was ${seen}${cause === undefined ? "" : `: ${cause}`}`;
}

const enforcedAtServer: ReadonlySet<Answer> = new Set(["denied", "token refused", "rate limited"]);

function likelyCause(outcome: Outcome, observation: Observation, ending: Ending, series: Series): string | undefined {
  const { answers = [], certificate } = outcome;
  if (certificate) return undefined;
  const isPlainText = answers.includes("reset") && !answers.includes("denied");
  if (isPlainText) return "its server takes plain text: STRICT is not in effect yet, or it has no proxy";
  if (ending.answer === "denied") return "a policy denies it, or the one that allows it is not in effect yet";
  if (ending.answer === "reset" && ending.by)
    return "the server, or the ztunnel of its node, takes no connection from it";
  if (answers.includes("application")) return routeCause(observation);
  if (answers.includes("blocked")) {
    return "its host is known, or the proxy passes requests for unknown hosts on (ALLOW_ANY)";
  }
  return answers.some((answer) => enforcedAtServer.has(answer))
    ? enforcementCause(observation, series)
    : routeCause(observation);
}

/** Which proxy should have refused it. */
function enforcementCause({ records }: Observation, { request }: Series): string {
  const last = records.filter(({ isMirrored }) => !isMirrored).at(-1);
  if (!last) return "answered by the application itself, so no proxy enforced it";
  const proxy = describeProxy(last);
  if (last.proxy.kind === "waypoint") {
    return `${proxy} let it through, as it has not got the policy yet, or the policy is attached to something else`;
  }
  if (last.proxy.side === "inbound") {
    return `${proxy} let it through, as it has not got the policy yet, or the policy selects other pods`;
  }
  if (last.proxy.kind === "gateway" && request.to.kind === "gateway") {
    return (
      `${proxy} let it through, and no proxy after it saw it: a waypoint is not used by gateway traffic unless its Service ` +
      `has the label istio.io/ingress-use-waypoint: "true"`
    );
  }
  return `${proxy} sent it, and no proxy at the server saw it: its pod has no sidecar, or its Service no waypoint`;
}

/** Which proxy should have routed it otherwise: a waypoint, else the first. */
function routeCause({ records }: Observation): string | undefined {
  const own = records.filter(({ isMirrored }) => !isMirrored);
  const router =
    own.find(({ proxy }) => proxy.kind === "waypoint") ?? own.find(({ proxy }) => proxy.side === "outbound");
  if (!router) return "no proxy routed it";
  const route = router.route === "" ? "no named route" : `route ${router.route}`;
  return `${describeProxy(router)} used ${route}, as it has not got the right one yet, or another comes first`;
}
