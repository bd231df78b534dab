import { benchmarkNamespace } from "../model/benchmark-scenarios";
import { gatewayNamespace } from "../model/gateways";
import type { Model } from "../model/model";
import { expandPath } from "../settings/expand-path";
import type { Problem } from "../shared/problem";
import { checkEach, ifKnown, knownEntries } from "../shared/unknown";
import { type Check, duplicates, systemNamespace } from "./check";

/** Checks of `talos-mesh:bookinfo` and `applications`, and of who may use which namespace. */
export const namespaceChecks: readonly Check[] = [
  function* ({ settings: { bookinfo } }) {
    if (bookinfo) yield* systemNamespace(["bookinfo", "namespace"], bookinfo.namespace, true);
  },
  ({ settings: { applications } }) =>
    checkEach(applications, ["applications"], ({ namespace }, path) =>
      systemNamespace([...path, "namespace"], namespace, false),
    ),
  bookinfoNamespace,
  uniqueNamespaces,
  uniqueWorkloads,
  addonNamespace,
  benchmarkNamespaces,
];

function bookinfoNamespace({ settings: { bookinfo, applications } }: Model): Iterable<Problem> {
  return checkEach(applications, ["applications"], ({ namespace }, path) =>
    namespace === bookinfo?.namespace
      ? [{ path: [...path, "namespace"], message: `found ${namespace}, the namespace of Bookinfo; expected another` }]
      : [],
  );
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
  yield [ifKnown(() => settings.bookinfo?.namespace), "Bookinfo"];
  for (const [, application] of knownEntries(ifKnown(() => settings.applications))) {
    yield [ifKnown(() => application.namespace), "an application"];
  }
}

const namespacePaths = [
  "bookinfo.namespace",
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
