import { setTimeout as delay } from "node:timers/promises";
import { version as release } from "../../package.json";
import { verification, type VerificationSettings } from "../../components/settings/sections/verification";
import { formatSeconds } from "../../components/shared/duration";
import { ApiError, ApiServer, UnknownKindError } from "../../components/shared/kubernetes/api-server";
import { isUnreachable } from "../../components/shared/kubernetes/errors";
import { UserError } from "../../components/shared/problem";
import type { PlannedProbe } from "../../components/verification/plan";
import type { VerificationResult } from "../../components/verification/result";
import { KubernetesCluster } from "../../components/verification/run/cluster";
import { verificationRequest } from "../../components/verification/run/request";
import { estimatedSeconds, requestsOf, type RunPlan, runPlan } from "../../components/verification/run/run-plan";
import { chosenProbes, runVerification, VerificationFailed } from "../../components/verification/run/runner";
import { plainSecrets } from "../../components/settings/stack-file";
import { compilePolicies } from "../../policies/compile";
import { declare, filePath } from "../command";
import { clusterAccess, secretOf } from "../engine/pulumi-cli";
import { interrupted, onInterrupt } from "../interrupt";
import { Terminal } from "../report/terminal";
import { openStack, projectRoot, type StackChoice, stackOptions } from "../stack-option";

export const command = declare({
  name: "verify",
  summary: "prove the policies of a deployed stack with traffic",
  options: {
    ...stackOptions,
    only: { value: "name", text: "a probe, or a part of the names of several; once for each", repeated: true },
    watch: { text: "measure again and again, until Ctrl-C, and print what changes" },
    list: { text: "print the probes and the number of their requests; nothing is sent" },
    kubeconfig: { value: "file", text: "kubeconfig of the cluster (default: the stack's own)", parse: filePath },
  },
  details: `Sends the requests that talos-mesh:verification of the stack file describes, from pods that it creates and removes, and
writes the reports to .talos-mesh/STACK/verification.`,
  exitCodes: { 0: "every policy holds, or onFailure is warn", 1: "a policy does not hold, or cannot be measured" },
  async run({ only, watch, list, kubeconfig, ...given }) {
    const opened = openStack(given);
    const settings = opened.settings.verification ?? verification.parse({});
    const plan = runPlan(opened, settings);
    const terminal = new Terminal();
    if (list) {
      for (const line of planLines(chosenProbes(plan.probes, only), plan)) terminal.line(line);
      return 0;
    }
    if (!opened.settings.verification?.enabled) {
      throw new UserError(
        "verify: this stack has no talos-mesh:verification, so its proxies record no requests of probes. " +
          "Add `talos-mesh:verification: {}` to the stack file and deploy it; --list shows the probes before that.",
      );
    }
    const request = verificationRequest(opened.stack, opened, {
      ...{ settings, plan, release },
      policies: compilePolicies(opened.policies),
    });
    const access = kubeconfig ? { kubeconfig } : await clusterAccess(opened, "verify reads the cluster's kubeconfig");
    const { signal, release: ignoreInterrupts } = onInterrupt(() =>
      terminal.errorLine("Stopping: the clients of probes are removed. Ctrl-C again ends at once."),
    );
    const sleep = (ms: number) => delay(ms, undefined, { signal });
    try {
      const input = { plan, keys: await signingKeys(opened, settings) };
      await runVerification(request, input, {
        cluster: new KubernetesCluster(await ApiServer.open(access)),
        ...{ projectRoot, only, signal, sleep },
        log: (line) => terminal.line(line),
        ...(watch && { again: watching((line) => terminal.line(line), sleep) }),
      });
      return 0;
    } catch (error) {
      if (signal.aborted) {
        terminal.errorLine("Stopped.");
        return interrupted;
      }
      if (error instanceof VerificationFailed) {
        terminal.errorLine(error.message);
        return 1;
      }
      if (!(isUnreachable(error) || error instanceof ApiError || error instanceof UnknownKindError)) throw error;
      throw new UserError((error as Error).message, { cause: error });
    } finally {
      ignoreInterrupts();
    }
  },
});

/** The plan as a person reads it before it runs. */
export function planLines(probes: readonly PlannedProbe[], plan: RunPlan): string[] {
  const lines = probes.map((probe) => {
    const { name, expectation, notMeasurable, alone } = probe;
    const count = notMeasurable === undefined ? `${requestsOf([probe])} requests` : `not measurable: ${notMeasurable}`;
    return `${name}: ${expectation} (${count}${alone === true ? ", alone" : ""})`;
  });
  const seconds = formatSeconds(estimatedSeconds(probes, plan));
  const total = `${probes.length} probes, ${requestsOf(probes)} requests, at most ${plan.requestsPerSecond} a second: about ${seconds}`;
  return [...lines, total];
}

/** Milliseconds between two runs. */
const watchInterval = 10_000;

/** Prints what has another verdict than in the run before. */
function watching(log: (line: string) => void, sleep: (ms: number) => Promise<unknown>) {
  let before = new Map<string, string>();
  return async ({ probes }: VerificationResult): Promise<boolean> => {
    for (const { name, verdict } of probes) {
      const earlier = before.get(name);
      if (earlier !== undefined && earlier !== verdict) log(`changed: ${name}: ${earlier} -> ${verdict}`);
    }
    before = new Map(probes.map(({ name, verdict }) => [name, verdict]));
    await sleep(watchInterval);
    return true;
  };
}

/** By issuer. The Pulumi CLI decrypts those that are not plain text. */
async function signingKeys(
  project: StackChoice,
  { tokens }: Pick<VerificationSettings, "tokens">,
): Promise<Record<string, string>> {
  const texts = plainSecrets(project.projectRoot, project.configFile);
  const keys = tokens.map(async ({ issuer, signingKey: { secret } }) => {
    const key = texts.get(secret) ?? (await secretOf(project, secret, `verify reads the secret ${secret}`));
    return [issuer, key] as const;
  });
  return Object.fromEntries(await Promise.all(keys));
}
