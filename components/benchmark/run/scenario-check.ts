import type { ExecResult } from "../../shared/kubernetes/pod-streams";
import { Missing, type Sleep, waitFor, type WaitTimeout } from "../../shared/kubernetes/wait";
import { type Scenario, usesZtunnel } from "../metrics/record";
import { namespaceOf, ports } from "../objects";
import type { BenchmarkPlan } from "../plan/plan";
import type { ScenarioState } from "../report/report";
import type { BenchCluster, BenchPod, Connections } from "./cluster";
import { anyAddress } from "./commands";
import { NotMeasurable } from "./request";

export interface CheckContext {
  readonly cluster: BenchCluster;
  readonly plan: BenchmarkPlan;
  readonly log: (line: string) => void;
  readonly sleep: Sleep;
}

/** Milliseconds within which pods must be ready, images pulled. */
export const podTimeout = 300_000;
/** Milliseconds within which proxies must have the control plane's configuration. */
const checkTimeout = 30_000;

/** @throws NotMeasurable with what the pods wait for, or why they cannot be created */
export async function readyPods(context: CheckContext, scenario: Scenario): Promise<BenchPod[]> {
  const { cluster, plan, sleep, log } = context;
  const namespace = namespaceOf(scenario);
  const expected = ["client", "server"];
  if (plan.arms.some(({ placement }) => placement === "same-node")) expected.push("client-near");
  if (scenario === "waypoint") expected.push("waypoint");
  const check = async () => {
    const pods = await cluster.pods(namespace);
    const absent = expected.filter((app) => !pods.some((pod) => pod.ready && isOf(pod, app)));
    if (absent.length === 0) return pods;
    const [refusal] = await cluster.refusals(namespace);
    const why = refusal ?? pods.find((pod) => !pod.ready)?.waitingFor ?? "there is no pod yet";
    return new Missing(`${absent.join(", ")} (${why})`);
  };
  const onProgress = (what: string) => log(`${scenario}: waiting for ${what}`);
  const onTimeout = ({ cause, missing }: WaitTimeout) => {
    // The API server did not respond: that says nothing about the pods.
    if (cause !== undefined) throw cause as Error;
    const next = `kubectl -n ${namespace} describe deployments,pods`;
    throw new NotMeasurable(`not ready after ${podTimeout / 1000} s: ${missing}. See: ${next}`);
  };
  return waitFor(check, { timeoutMs: podTimeout, sleep, onProgress, onTimeout });
}

/** A waypoint's pod has no label `app`. */
function isOf(pod: BenchPod, app: string): boolean {
  return pod.app === app || (app === "waypoint" && pod.name.startsWith("waypoint-"));
}

/**
 * Checks that a scenario has the data plane of its name: by its pods, by the headers that the server gets, and by the
 * counters of ztunnel. Repeated for a while, because proxies get a Service and its waypoint a moment after pods are ready.
 */
export async function checkScenario(
  { cluster, log, sleep }: CheckContext,
  scenario: Scenario,
  nodes: readonly string[],
): Promise<ScenarioState> {
  const namespace = namespaceOf(scenario);
  const opened = () => cluster.connections(namespace, nodes);
  let before = usesZtunnel(scenario) ? await opened() : undefined;
  let last: ScenarioState = { scenario, state: "not measured", truths: [] };
  const check = async () => {
    const pods = await cluster.pods(namespace);
    const answer = await request(cluster, namespace, pods);
    const after = before && (await opened());
    const { truths, problem } = judgeScenario(scenario, {
      ...podSigns(pods),
      echo: answer ? `${answer.stdout.toString("utf8")}\n${answer.stderr}` : "",
      ...(before && after && { opened: { mutual: after.mutual - before.mutual, plain: after.plain - before.plain } }),
    });
    before = after;
    const reason = answer?.exitCode === 0 ? problem : `its server does not answer its client (${seenBy(answer)})`;
    last = { scenario, state: reason === undefined ? "measured" : "not measured", reason, truths };
    return reason === undefined ? last : new Missing(reason);
  };
  const onProgress = (reason: string) => log(`${scenario}: ${reason}; checking again for ${checkTimeout / 1000} s`);
  const options = { timeoutMs: checkTimeout, sleep, onProgress, retries: () => false };
  return waitFor(check, { ...options, onTimeout: () => last });
}

async function request(cluster: BenchCluster, namespace: string, pods: readonly BenchPod[]) {
  const client = pods.find(({ app, ready }) => ready && app === "client");
  // fortio's server answers `/debug` with the request's headers.
  const argv = ["/usr/bin/fortio", "curl", ...anyAddress, `http://server:${ports.http}/debug`];
  return client && cluster.exec(client.name, namespace, "fortio", argv);
}

/** The status line, or fortio's first error: `{..., "msg":"[E] Unable to connect, ...","src":"std"}`. */
function seenBy(answer: ExecResult | undefined): string {
  if (!answer) return "there is no client";
  const [status = ""] = answer.stdout.toString("utf8").split("\n");
  if (status.startsWith("HTTP/")) return status.trim();
  const lines = answer.stderr.trim().split("\n");
  const error = lines.find((line) => line.includes("[E] ")) ?? lines.at(-1) ?? "";
  return error
    .replace(/^.*\[E\] /, "")
    .replace(/","src":.*$/, "")
    .replaceAll('\\"', '"');
}

type PodSigns = ReturnType<typeof podSigns>;

export interface Observations extends PodSigns {
  /** The server's response: the headers of the request it got. */
  readonly echo: string;
  readonly opened?: Connections;
}

/** Containers of client and server, init containers too, and whether ztunnel takes the traffic of both. */
export function podSigns(pods: readonly BenchPod[]) {
  const ends = pods.filter(({ app }) => app === "client" || app === "server");
  return {
    containers: ends.flatMap(({ containers }) => containers),
    redirected: ends.length > 0 && ends.every(({ redirected }) => redirected),
  };
}

/**
 * Whether a scenario has the data plane of its name: two scenarios with the same one would show no difference. `truths` is
 * what was found, in words; `problem` why it is another data plane.
 */
export function judgeScenario(
  scenario: Scenario,
  { echo, opened, ...signs }: Observations,
): { readonly truths: readonly string[]; readonly problem?: string } {
  const proxies = sidecars(signs);
  const identity = /^x-forwarded-client-cert:.*spiffe:/im.test(echo);
  const envoy = /^(x-envoy-[a-z-]+|x-forwarded-proto|server: *istio-envoy)/im.test(echo);
  const ofZtunnel = opened
    ? `ztunnel opened ${opened.mutual} connections with mTLS and ${opened.plain} without`
    : "whether it has mTLS is not known: ztunnel's metrics cannot be read";
  const ofHeaders = identity ? "the server sees the client's mTLS identity" : "no mTLS identity in a request's headers";
  const truths = [
    proxies === 0 ? "no sidecars" : `${proxies} sidecars`,
    signs.redirected ? "traffic goes through ztunnel" : "traffic does not go through ztunnel",
    usesZtunnel(scenario) ? ofZtunnel : ofHeaders,
    envoy ? "requests pass an Envoy" : "requests pass no Envoy",
  ];
  const problem = podsProblem(scenario, signs) ?? requestProblem(scenario, { identity, envoy, opened });
  return { truths, problem };
}

/** The part of the check that is cheap enough to repeat in every run: a removed label removes a pod's data plane. */
export function podsProblem(scenario: Scenario, signs: PodSigns): string | undefined {
  const proxies = sidecars(signs);
  if (scenario === "sidecar") return proxies < 2 ? "its pods have no sidecars" : undefined;
  if (proxies > 0) return "its pods have sidecars";
  if (signs.redirected === usesZtunnel(scenario)) return undefined;
  return signs.redirected ? "its traffic goes through ztunnel" : "its traffic does not go through ztunnel";
}

function sidecars({ containers }: PodSigns): number {
  return containers.filter((name) => name === "istio-proxy").length;
}

function requestProblem(
  scenario: Scenario,
  { identity, envoy, opened }: { identity: boolean; envoy: boolean; opened?: Connections },
): string | undefined {
  if (scenario === "sidecar") return identity ? undefined : "its requests come without mTLS";
  if (!usesZtunnel(scenario)) return identity || envoy ? "its requests pass a proxy" : undefined;
  if (envoy !== (scenario === "waypoint")) return `its requests pass ${envoy ? "a" : "no"} waypoint`;
  if (!opened || (opened.mutual > 0 && opened.plain === 0)) return undefined;
  return opened.plain > 0 ? "its requests come without mTLS" : "ztunnel has counted none of its connections";
}
