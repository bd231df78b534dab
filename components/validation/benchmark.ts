import { scenarioNames } from "../benchmark/metrics/record";
import { budgetedMetrics } from "../benchmark/metrics/registry";
import { benchmarkProblems } from "../benchmark/plan/problems";
import { blocksForIntervals } from "../benchmark/statistics/intervals";
import { ambientScenarios, benchmarkScenarios } from "../model/benchmark-scenarios";
import { hasAmbient } from "../model/data-planes";
import type { Model } from "../model/model";
import { suggestion } from "../settings/wording";
import { duplicates, type Problem } from "../shared/problem";
import { completeKeys, checkEach } from "../shared/unknown";
import type { Check } from "./check";

/** Checks of `talos-mesh:benchmark`. */
export const benchmarkChecks: readonly Check[] = [
  uniqueValues,
  articlePayload,
  compared,
  ambientScenario,
  budgetNames,
  budgetScenarios,
  blocks,
  ({ settings: { benchmark, mesh } }) => benchmarkProblems({ benchmark, mesh }),
];

const lists = ["scenarios", "qps", "connections", "payloadSizes", "keepAlive", "tcpStreams"] as const;

function uniqueValues({ settings: { benchmark } }: Model): Iterable<Problem> {
  return checkEach(benchmark ? lists : [], [], (list) =>
    duplicates(
      checkEach<unknown, { path: (string | number)[]; key: string }>(
        benchmark?.[list],
        ["benchmark", list],
        (value, path) => [{ path: [...path], key: String(value) }],
      ),
      "value",
    ),
  );
}

function* articlePayload({ settings: { benchmark } }: Model): Iterable<Problem> {
  if (benchmark?.preset !== "article" || !benchmark.payloadSizes) return;
  yield {
    path: ["benchmark", "payloadSizes"],
    message: `found ${benchmark.payloadSizes.join(", ")}; preset article requests details, whose response has a fixed size; remove one of them`,
  };
}

function* compared({ settings: { benchmark } }: Model): Iterable<Problem> {
  const scenarios = benchmark?.scenarios;
  if (!scenarios || scenarios.includes("none")) return;
  yield {
    path: ["benchmark", "scenarios"],
    message: `found ${scenarios.join(", ")}; add none, which the others are compared with`,
  };
}

function ambientScenario({ settings: { benchmark, mesh } }: Model): Iterable<Problem> {
  return checkEach(benchmark?.scenarios, ["benchmark", "scenarios"], (scenario, path) =>
    !ambientScenarios.includes(scenario) || hasAmbient(mesh)
      ? []
      : [
          {
            path,
            message:
              `found ${scenario}, which needs ztunnel, and a mesh of dataPlane sidecar has none; remove it, or set ` +
              "mesh.dataPlane: ambient, where sidecar can be measured as well",
          },
        ],
  );
}

const meshScenarios = scenarioNames.filter((name) => name !== "none");
const budgetedNames = budgetedMetrics().map(({ name }) => name);
const knownBudgets = [
  ...budgetedNames,
  ...meshScenarios.flatMap((scenario) => budgetedNames.map((metric) => `${scenario}.${metric}`)),
];

function* budgetNames({ settings: { benchmark } }: Model): Iterable<Problem> {
  for (const name of Object.keys(benchmark?.budgets ?? {})) {
    if (knownBudgets.includes(name)) continue;
    yield { path: ["benchmark", "budgets", name], message: `unknown budget; ${suggestion(name, knownBudgets)}` };
  }
}

function* budgetScenarios({ settings: { benchmark, mesh } }: Model): Iterable<Problem> {
  if (!benchmark) return;
  const measured = benchmarkScenarios(benchmark, mesh);
  for (const name of Object.keys(benchmark.budgets).filter((each) => knownBudgets.includes(each))) {
    const scenario = meshScenarios.find((each) => name.startsWith(`${each}.`));
    if (scenario === undefined || measured.includes(scenario)) continue;
    yield {
      path: ["benchmark", "budgets", name],
      message: `scenario ${scenario} is not measured; add it to benchmark.scenarios`,
    };
  }
}

function* blocks({ settings: { benchmark } }: Model): Iterable<Problem> {
  if (!benchmark || completeKeys(benchmark.budgets).length === 0 || benchmark.blocks >= blocksForIntervals) return;
  yield {
    path: ["benchmark", "blocks"],
    message: `found ${benchmark.blocks}; budgets are evaluated on an interval, which takes at least ${blocksForIntervals}`,
  };
}
