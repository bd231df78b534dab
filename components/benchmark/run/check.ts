import type { Scenario } from "../metrics/record";
import { namespaceOf, ports } from "../objects";
import type { BenchmarkPlan } from "../plan/plan";
import type { ScenarioState } from "../report/report";
import type { BenchCluster, BenchPod } from "./cluster";
import { anyAddress } from "./commands";
import type { ExecResult } from "../../shared/kubernetes/exec";
import { NotMeasurable } from "./not-measurable";
import { carriedByZtunnel, podSigns, truthOf } from "./truth";

export interface CheckContext {
  readonly cluster: BenchCluster;
  readonly plan: BenchmarkPlan;
  readonly say: (line: string) => void;
  /** Waits for some milliseconds; rejects when the run is to stop. */
  readonly rest: (ms: number) => Promise<unknown>;
}

/** Milliseconds until pods have to be ready, images pulled. */
export const patience = 300_000;
export const pause = 2000;
/** Milliseconds within which proxies have to know what the control plane knows. */
const truthPatience = 30_000;

/** @throws NotMeasurable with what the pods wait for, or who refuses them */
export async function podsReady({ cluster, plan, rest, say }: CheckContext, scenario: Scenario): Promise<BenchPod[]> {
  const namespace = namespaceOf(scenario);
  const expected = ["client", "server"];
  if (plan.arms.some(({ placement }) => placement === "same-node")) expected.push("client-near");
  if (scenario === "waypoint") expected.push("waypoint");
  let told = "";
  for (let waited = 0; ; waited += pause) {
    const pods = await cluster.pods(namespace);
    const missing = expected.filter((app) => !pods.some((pod) => pod.ready && isOf(pod, app)));
    if (missing.length === 0) return pods;
    const [refusal] = await cluster.refusals(namespace);
    const why = refusal ?? pods.find((pod) => !pod.ready)?.waitingFor ?? "there is no pod yet";
    const line = `${scenario}: waiting for ${missing.join(", ")} (${why})`;
    if (line !== told) say((told = line));
    if (waited >= patience) {
      const next = `kubectl -n ${namespace} describe deployments,pods`;
      throw new NotMeasurable(`${missing.join(", ")} not ready after ${patience / 1000} s: ${why}. Look with: ${next}`);
    }
    await rest(pause);
  }
}

/** A waypoint's pod has no label `app`. */
function isOf(pod: BenchPod, app: string): boolean {
  return pod.app === app || (app === "waypoint" && pod.name.startsWith("waypoint-"));
}

/**
 * Asks the server what it sees of a request, and judges by that, by the pods and by what ztunnel has counted; again for a
 * while, as the control plane tells proxies of a Service and its waypoint a moment after pods are ready.
 */
export async function checked(
  { cluster, say, rest }: CheckContext,
  scenario: Scenario,
  nodes: readonly string[],
): Promise<ScenarioState> {
  const namespace = namespaceOf(scenario);
  const opened = () => cluster.connections(namespace, nodes);
  let before = carriedByZtunnel(scenario) ? await opened() : undefined;
  for (let waited = 0; ; waited += pause) {
    const pods = await cluster.pods(namespace);
    const answer = await asked(cluster, namespace, pods);
    const after = before && (await opened());
    const { truths, problem } = truthOf(scenario, {
      ...podSigns(pods),
      echo: answer ? `${answer.stdout.toString("utf8")}\n${answer.stderr}` : "",
      ...(before && after && { opened: { mutual: after.mutual - before.mutual, plain: after.plain - before.plain } }),
    });
    before = after;
    const reason = answer?.exitCode === 0 ? problem : `its server does not answer its client (${seenBy(answer)})`;
    if (reason === undefined) return { scenario, state: "measured", truths };
    if (waited >= truthPatience) return { scenario, state: "not measured", reason, truths };
    if (waited === 0) say(`${scenario}: ${reason}; looking again for ${truthPatience / 1000} s`);
    await rest(pause);
  }
}

async function asked(cluster: BenchCluster, namespace: string, pods: readonly BenchPod[]) {
  const client = pods.find(({ app, ready }) => ready && app === "client");
  const url = `http://server:${ports.http}/debug`;
  const argv = ["/usr/bin/fortio", "curl", ...anyAddress, url];
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
