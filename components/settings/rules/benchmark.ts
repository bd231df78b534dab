import { blocksForIntervals, budgetMetrics, scenarioNames } from "../sections/benchmark";
import { suggestion } from "../suggest";
import { duplicates } from "./duplicates";
import { rule } from "./rule";

const meshScenarios = scenarioNames.filter((name) => name !== "none");
const budgetNames = [
  ...budgetMetrics,
  ...meshScenarios.flatMap((scenario) => budgetMetrics.map((metric) => `${scenario}.${metric}`)),
];
const lists = ["scenarios", "qps", "connections", "payloadSizes", "keepAlive", "tcpStreams"] as const;

export const benchmarkRules = [
  rule(["benchmark"], function* ({ benchmark }) {
    if (!benchmark) return;
    for (const list of lists) {
      const entries = (benchmark[list] ?? []).map((key, index) => ({
        path: ["benchmark", list, index],
        key: String(key),
      }));
      yield* duplicates(entries, "value");
    }
    const { scenarios, budgets, blocks } = benchmark;
    if (scenarios && !scenarios.includes("none")) {
      yield {
        path: ["benchmark", "scenarios"],
        message: `found ${scenarios.join(", ")}; add none, which the others are compared with`,
      };
    }
    for (const name of Object.keys(budgets)) {
      const path = ["benchmark", "budgets", name];
      if (!budgetNames.includes(name)) {
        yield { path, message: `unknown budget; ${suggestion(name, budgetNames)}` };
        continue;
      }
      const scenario = meshScenarios.find((each) => name.startsWith(`${each}.`));
      if (scenario && scenarios && !scenarios.includes(scenario)) {
        yield { path, message: `scenario ${scenario} is not measured; add it to benchmark.scenarios` };
      }
    }
    if (Object.keys(budgets).length > 0 && blocks < blocksForIntervals) {
      yield {
        path: ["benchmark", "blocks"],
        message: `found ${blocks}; budgets are judged on an interval, which takes at least ${blocksForIntervals}`,
      };
    }
  }),
];
