import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import type { ExecResult } from "../../../components/shared/kubernetes/pod-streams";
import { KubernetesCluster } from "../../../components/verification/run/cluster";
import type { RunPlan } from "../../../components/verification/run/run-plan";
import { runVerification } from "../../../components/verification/run/runner";

/** A run whose requests never end, for a test to kill: it prints a line when it sends them. */
class SilentCluster extends KubernetesCluster {
  constructor(
    server: ApiServer,
    private readonly signal: AbortSignal,
  ) {
    super(server);
  }

  /** Its nodes are simulated, which a run would notice. */
  override async nodes() {
    const nodes = await super.nodes();
    return nodes.map((node) => ({ ...node, metadata: { ...node.metadata, annotations: {}, labels: {} } }));
  }

  override async exec(): Promise<ExecResult> {
    process.stdout.write("sending\n");
    await delay(60_000, undefined, { signal: this.signal });
    throw new Error("no test waits so long");
  }

  override health() {
    return Promise.resolve([]);
  }

  override analysis() {
    return Promise.resolve([]);
  }
}

async function main(): Promise<void> {
  const { kubeconfig, plan } = JSON.parse(await text(process.stdin)) as { kubeconfig: string; plan: RunPlan };
  const stop = new AbortController();
  process.once("SIGTERM", () => stop.abort());
  const { signal } = stop;
  const verified = { policies: "", mesh: "", applications: "", probes: "" };
  await runVerification(
    { stack: "killed", onFailure: "warn", mesh: { version: "1", dataPlane: "none" }, verified },
    { plan, keys: {} },
    {
      ...{
        cluster: new SilentCluster(await ApiServer.open({ kubeconfig }), signal),
        projectRoot: process.cwd(),
        signal,
      },
      ...{ log: (line) => void process.stderr.write(`${line}\n`), sleep: (ms) => delay(ms, undefined, { signal }) },
    },
  ).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

void main();
