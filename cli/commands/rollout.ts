import { spawn } from "node:child_process";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { milliseconds } from "../../components/shared/duration";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { UserError } from "../../components/shared/problem";
import { readStackFile, shownPath } from "../../components/settings/stack-file";
import { readStack } from "../../components/validation/stack";
import { declare, matching, UsageError } from "../command";
import { clusterAccess } from "../engine/pulumi-cli";
import { Terminal } from "../report/terminal";
import { addedUp, countsByVersion } from "../rollout/counts";
import { refuseOtherOwners } from "../rollout/owners";
import { rollOut, type RolloutEnd } from "../rollout/rollout";
import { editsOf, splitOf, type Weights } from "../rollout/split";
import { replaceStackFile } from "../write-file";
import { openStack, projectRoot, stackOptions } from "../stack-option";
import { edited } from "../stack-edit";

const duration = matching(/^[1-9]\d*[smh]$/, "a time such as 90s or 10m");
const points = matching(/^\d+(\.\d+)?$/, "percentage points such as 1 or 0.5");

const exitCodes: Readonly<Record<RolloutEnd, number>> = { finished: 0, stepped: 0, failed: 1, back: 1, held: 3 };

export const command = declare({
  name: "rollout",
  summary: "shift the requests of a service to a version, step by step, by its errors and latency",
  options: {
    ...stackOptions,
    service: { value: "name", text: "the service, or namespace/service", required: true },
    to: { value: "subset", text: "the version that gets the requests", required: true },
    steps: {
      value: "list",
      text: "its shares in percent",
      default: "5,25,50,100",
      parse: matching(/^\d+(,\d+)*$/, "shares such as 5,25,50,100"),
    },
    deploy: { text: "deploy each step and look after it; without it, make one step in the stack file" },
    window: { value: "time", text: "requests of how long a look judges", default: "10m", parse: duration },
    interval: { value: "time", text: "between two looks", default: "1m", parse: duration },
    deadline: { value: "time", text: "of a step that cannot be judged", default: "30m", parse: duration },
    errors: { value: "points", text: "by how much its share of errors may be higher", default: "1", parse: points },
    slow: {
      value: "points",
      text: "by how much its share of requests may be higher that are slower than 95% of the others'",
      default: "5",
      parse: points,
    },
    yes: { short: "y", text: "with --deploy: change an environment other than dev without confirmation" },
  },
  details: `Compares the version with those that it replaces, by the stack's Prometheus, in intervals of 99%. It goes on where the version is
no worse, waits while the requests do not show that, and goes back where it is worse.`,
  exitCodes: {
    0: "the last step is reached, or the next one is in the stack file",
    1: "refused, went back, or a deployment failed",
    3: "too few requests to judge; the weights are as they were",
  },
  async run({ service, to, steps: list, deploy, window, interval, deadline, errors, slow, yes, ...given }) {
    const steps = ascending(list);
    const opened = openStack(given);
    const { stack, configFile, settings } = opened;
    const { observability } = settings;
    if (!observability?.prometheus) {
      throw new UserError(
        "rollout reads the stack's Prometheus, and talos-mesh:observability has none. Add prometheus: {} there and deploy it.",
      );
    }
    if (opened.cluster.simulatedNodes) {
      throw new UserError("rollout: the nodes are simulated and carry no traffic, so there is nothing to judge by.");
    }
    const split = splitOf(opened, service, to);
    const {
      weights,
      versions,
      service: { name, namespace },
    } = split;
    const server = await ApiServer.open(await clusterAccess(opened, "rollout reads the cluster's Prometheus"));
    const read = (query: string) => server.request("GET", query);
    await refuseOtherOwners(read, { name, namespace });
    const terminal = new Terminal();
    const seconds = (text: string) => milliseconds(text) / 1000;
    const replaced = [...weights.keys()].filter((subset) => subset !== to);
    const end = await rollOut(
      weights,
      {
        ...{ to, steps, tolerance: { errors: Number(errors), slow: Number(slow) } },
        ...{ window: seconds(window), interval: seconds(interval), deadline: seconds(deadline) },
      },
      {
        async counts(last) {
          const asked = { observability: observability.namespace, service: name, namespace, window: `${last}s` };
          const found = await countsByVersion(read, asked).catch((error: unknown) => {
            const next = deploy ? " Run this again: it continues where the weights are." : "";
            throw new UserError(
              `rollout: the Prometheus of namespace ${observability.namespace} does not answer: ${String(error)}.${next}`,
            );
          });
          const of = (subsets: readonly string[]) =>
            addedUp(subsets.flatMap((subset) => found.get(versions.get(subset) ?? "") ?? []));
          return { canary: of([to]), others: of(replaced) };
        },
        write: (changed) => writeWeights(configFile, split, changed),
        ...(deploy && { deploy: () => deployStack(stack, configFile, yes) }),
        sleep: (ms) => delay(ms),
        log: (line) => terminal.line(line),
      },
    );
    const file = shownPath(configFile, projectRoot);
    const advice: Readonly<Record<RolloutEnd, string>> = {
      finished: "",
      stepped: `${file} has the next step. Deploy it, then run this again.`,
      held: "Held: run this again when there were more requests, or raise --errors, --slow or --window.",
      back: deploy
        ? `Went back, and deployed that; ${file} has the weights.`
        : `${file} has the old weights. Deploy it.`,
      failed: `A deployment failed; ${file} has its weights. Run this again after you have fixed it.`,
    };
    if (advice[end] !== "") terminal.line(advice[end]);
    return exitCodes[end];
  },
});

function ascending(list: string): number[] {
  const steps = list.split(",").map(Number);
  if (steps.some((step, at) => step < 1 || step > 100 || step <= (steps[at - 1] ?? 0))) {
    throw new UsageError(`--steps ${list}: expected percentages from 1 to 100, ascending, such as 5,25,50,100`);
  }
  return steps;
}

function writeWeights(configFile: string, split: Parameters<typeof editsOf>[0], weights: Weights): void {
  const before = readStackFile(configFile, projectRoot);
  const after = editsOf(split, weights).reduce((text, edit) => edited(text, edit).text, before);
  readStack(projectRoot, configFile, { text: after });
  replaceStackFile(configFile, before, after);
}

/** As `npm start` does, with its output and its questions. */
function deployStack(stack: string, config: string, yes: boolean): Promise<boolean> {
  const cli = path.join(projectRoot, "cli/bin/talos-mesh.cjs");
  const args = [cli, "start", "--stack", stack, "--config", config, ...(yes ? ["--yes"] : [])];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  return new Promise((resolve, reject) => child.on("error", reject).on("exit", (code) => resolve(code === 0)));
}
