import { ambientScenarios, benchmarkScenarios } from "../../model/benchmark-scenarios";
import { hasAmbient } from "../../model/data-planes";
import { scenarioNames } from "../../benchmark/metrics/record";
import { budgetedMetrics } from "../../benchmark/metrics/registry";
import { benchmarkProblems } from "../../benchmark/plan/problems";
import { blocksForIntervals } from "../../benchmark/statistics/intervals";
import { suggestion } from "../../settings/suggest";
import { duplicates } from "./duplicates";
import { rule } from "./rule";

const meshScenarios = scenarioNames.filter((name) => name !== "none");
const metricNames = budgetedMetrics().map(({ name }) => name);
const budgetNames = [
  ...metricNames,
  ...meshScenarios.flatMap((scenario) => metricNames.map((metric) => `${scenario}.${metric}`)),
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
    const { scenarios, blocks, budgets } = benchmark;
    if (benchmark.preset === "article" && benchmark.payloadSizes) {
      yield {
        path: ["benchmark", "payloadSizes"],
        message: `found ${benchmark.payloadSizes.join(", ")}; preset article asks details, whose answer cannot be chosen; remove one of them`,
      };
    }
    if (scenarios && !scenarios.includes("none")) {
      yield {
        path: ["benchmark", "scenarios"],
        message: `found ${scenarios.join(", ")}; add none, which the others are compared with`,
      };
    }
    for (const name of Object.keys(budgets).filter((each) => !budgetNames.includes(each))) {
      const path = ["benchmark", "budgets", name];
      yield { path, message: `unknown budget; ${suggestion(name, budgetNames)}` };
    }
    if (Object.keys(budgets).length > 0 && blocks < blocksForIntervals) {
      yield {
        path: ["benchmark", "blocks"],
        message: `found ${blocks}; budgets are judged on an interval, which takes at least ${blocksForIntervals}`,
      };
    }
  }),
  rule(["benchmark", "mesh"], function* ({ benchmark, mesh }) {
    if (!benchmark) return;
    for (const [index, scenario] of (benchmark.scenarios ?? []).entries()) {
      if (!ambientScenarios.includes(scenario) || hasAmbient(mesh)) continue;
      yield {
        path: ["benchmark", "scenarios", index],
        message:
          `found ${scenario}, which needs ztunnel, and a mesh of dataPlane sidecar has none; remove it, or set ` +
          "mesh.dataPlane: ambient, where sidecar can be measured as well",
      };
    }
    const measured = benchmarkScenarios(benchmark, mesh);
    for (const name of Object.keys(benchmark.budgets).filter((each) => budgetNames.includes(each))) {
      const scenario = meshScenarios.find((each) => name.startsWith(`${each}.`));
      if (scenario === undefined || measured.includes(scenario)) continue;
      yield {
        path: ["benchmark", "budgets", name],
        message: `scenario ${scenario} is not measured; add it to benchmark.scenarios`,
      };
    }
  }),
  rule(["benchmark", "mesh"], benchmarkProblems),
];
