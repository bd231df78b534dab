import { configuredApplications, deployedApplications } from "../apps/registry";
import { benchmarkNamespace } from "../model/benchmark-scenarios";
import { gatewayNamespace } from "../model/gateways";
import type { Model } from "../model/model";
import { expandPath } from "../settings/expand-path";
import { duplicates, type Problem } from "../shared/problem";
import { checkEach, ifKnown, knownEntries } from "../shared/unknown";
import { type Check, systemNamespace } from "./check";

/** Checks of deployed applications and of `talos-mesh:applications`, and of the use of namespaces. */
export const namespaceChecks: readonly Check[] = [
  ({ settings }) =>
    checkEach(configuredApplications(settings), [], ({ application, settings: { namespace } }) =>
      systemNamespace([application.name, "namespace"], namespace, true),
    ),
  ({ settings: { applications } }) =>
    checkEach(applications, ["applications"], ({ namespace }, path) =>
      systemNamespace([...path, "namespace"], namespace, false),
    ),
  deployedNamespaces,
  uniqueNamespaces,
  uniqueWorkloads,
  addonNamespace,
  benchmarkNamespaces,
];

function deployedNamespaces({ settings }: Model): Iterable<Problem> {
  return checkEach(settings.applications, ["applications"], function* ({ namespace }, path) {
    for (const { application, settings: deployed } of configuredApplications(settings)) {
      if (deployed.namespace !== namespace) continue;
      const message = `found ${namespace}, the namespace of ${application.title}; expected another`;
      yield { path: [...path, "namespace"], message };
    }
  });
}

function* uniqueNamespaces({ settings: { applications } }: Model): Iterable<Problem> {
  yield* duplicates(
    checkEach(applications, ["applications"], ({ namespace }, path) => [
      { path: [...path, "namespace"], key: namespace },
    ]),
    "namespace",
  );
}

function uniqueWorkloads({ settings: { applications } }: Model): Iterable<Problem> {
  return checkEach(applications, ["applications"], ({ workloads }, path) =>
    duplicates(
      checkEach(workloads, [...path, "workloads"], ({ name }, at) => [{ path: [...at, "name"], key: name }]),
      "workload",
    ),
  );
}

/** Addons share no namespace with the mesh or an application. */
function* addonNamespace({ settings }: Model): Iterable<Problem> {
  if (!settings.observability) return;
  const { namespace } = settings.observability;
  const path = ["observability", "namespace"];
  yield* systemNamespace(path, namespace, true);
  for (const [name, owner] of usedNamespaces(settings)) {
    if (name !== namespace) continue;
    yield { path, message: `found ${name}, the namespace of ${owner}; addons need one of their own` };
  }
}

/** Namespaces of the mesh and of applications, with the owner of each. */
function* usedNamespaces(settings: Model["settings"]): Iterable<[namespace: string | undefined, owner: string]> {
  for (const [name, gateway] of knownEntries(ifKnown(() => settings.gateways))) {
    yield [ifKnown(() => gatewayNamespace(String(name), gateway)), `gateway ${name}`];
  }
  for (const [, { application, settings: deployed }] of knownEntries(configuredApplications(settings))) {
    yield [ifKnown(() => deployed.namespace), application.title];
  }
  for (const [, application] of knownEntries(ifKnown(() => settings.applications))) {
    yield [ifKnown(() => application.namespace), "an application"];
  }
}

const namespacePaths = [
  ...deployedApplications.map(({ name }) => `${name}.namespace`),
  "observability.namespace",
  "gateways.*.namespace",
  "applications.*.namespace",
];

function* benchmarkNamespaces({ settings }: Model): Iterable<Problem> {
  if (!settings.benchmark) return;
  for (const [path, name] of namespacePaths.flatMap((one) => [...expandPath(settings, one)])) {
    if (typeof name !== "string" || !name.startsWith(benchmarkNamespace)) continue;
    const message = `found ${name}; talos-mesh:benchmark creates and deletes the namespaces named ${benchmarkNamespace}*; rename it`;
    yield { path, message };
  }
}
