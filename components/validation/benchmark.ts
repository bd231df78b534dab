import { scenarioNames } from "../benchmark/metrics/record";
import { budgetedMetrics } from "../benchmark/metrics/registry";
import { benchmarkProblems } from "../benchmark/plan/plan";
import { blocksForIntervals } from "../benchmark/statistics/intervals";
import { ambientScenarios, benchmarkScenarios, hasAmbient } from "../model/data-planes";
import { suggestion } from "../settings/wording";
import { completeKeys } from "../shared/unknown";
import { type Check, rule, unique } from "./check";

const meshScenarios = scenarioNames.filter((name) => name !== "none");
const budgetedNames = budgetedMetrics().map(({ name }) => name);
const knownBudgets = [
  ...budgetedNames,
  ...meshScenarios.flatMap((scenario) => budgetedNames.map((metric) => `${scenario}.${metric}`)),
];

export const benchmarkChecks: readonly Check[] = [
  ...["scenarios", "qps", "connections", "payloadSizes", "keepAlive", "tcpStreams"].map((list) =>
    unique(`benchmark.${list}.*`, "value"),
  ),
  rule("benchmark", ({ preset, payloadSizes }) =>
    preset === "article" && payloadSizes
      ? {
          payloadSizes: `found ${payloadSizes.join(", ")}; preset article requests details, whose response has a fixed size; remove one of them`,
        }
      : undefined,
  ),
  rule(
    "benchmark.scenarios",
    (found) => !found.includes("none") && `found ${found.join(", ")}; add "none", with which the others are compared`,
  ),
  rule("benchmark.scenarios.*", (scenario, { settings: { mesh } }) =>
    ambientScenarios.includes(scenario) && !hasAmbient(mesh)
      ? `found ${scenario}, which needs ztunnel, and a mesh of dataPlane sidecar has none; remove it, or set ` +
        "mesh.dataPlane: ambient, where sidecar can be measured as well"
      : undefined,
  ),
  rule("benchmark.budgets", (budgets) => {
    const unknown = Object.keys(budgets).filter((name) => !knownBudgets.includes(name));
    return Object.fromEntries(unknown.map((name) => [name, `unknown budget; ${suggestion(name, knownBudgets)}`]));
  }),
  rule("benchmark", (benchmark, { settings: { mesh } }) => {
    const measured = benchmarkScenarios(benchmark, mesh);
    const refusal = (name: string) => {
      const scenario = meshScenarios.find((each) => name.startsWith(`${each}.`));
      if (scenario === undefined || measured.includes(scenario) || !knownBudgets.includes(name)) return undefined;
      return `scenario ${scenario} is not measured; add it to benchmark.scenarios`;
    };
    return { budgets: Object.fromEntries(Object.keys(benchmark.budgets).map((name) => [name, refusal(name)])) };
  }),
  rule("benchmark", ({ budgets, blocks }) => {
    if (completeKeys(budgets).length === 0 || blocks >= blocksForIntervals) return undefined;
    return {
      blocks: `found ${blocks}; budgets are evaluated on an interval, which takes at least ${blocksForIntervals}`,
    };
  }),
  ({ settings: { benchmark, mesh } }) => benchmarkProblems({ benchmark, mesh }),
];
