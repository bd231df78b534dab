import { configuredApplications, deployedApplications } from "../apps/registry";
import { benchmarkNamespace } from "../model/data-planes";
import { gatewayNamespace } from "../model/gateways";
import type { Model } from "../model/model";
import type { Problem } from "../shared/problem";
import { ifKnown, knownEntries } from "../shared/unknown";
import { applicationRule, type Check, rule, refuseSystemNamespace, unique } from "./check";

const namespacePaths = [
  ...deployedApplications.map(({ name }) => `${name}.namespace` as const),
  "observability.namespace",
  "gateways.*.namespace",
  "applications.*.namespace",
] as const;

export const namespaceChecks: readonly Check[] = [
  applicationRule(({ application, settings: { namespace } }) => ({
    [application.name]: { namespace: refuseSystemNamespace(namespace, true) },
  })),
  rule("applications.*.namespace", (namespace) => refuseSystemNamespace(namespace, false)),
  rule("applications.*.namespace", (namespace, { settings }) => {
    const deployed = configuredApplications(settings).find((one) => one.settings.namespace === namespace);
    return deployed && `found ${namespace}, the namespace of ${deployed.application.title}; expected another`;
  }),
  unique("applications.*.namespace", "namespace"),
  unique("applications.*.workloads.*.name", "workload", "applications.*"),
  rule("observability.namespace", (namespace) => refuseSystemNamespace(namespace, true)),
  addonNamespace,
  ...namespacePaths.map((path) =>
    rule(path, (name, { settings: { benchmark } }) =>
      benchmark && name.startsWith(benchmarkNamespace)
        ? `found ${name}; talos-mesh:benchmark creates and deletes the namespaces named ${benchmarkNamespace}*; rename it`
        : undefined,
    ),
  ),
];

/** Addons share no namespace with the mesh or an application. */
function* addonNamespace({ settings }: Model): Iterable<Problem> {
  if (!settings.observability) return;
  const { namespace } = settings.observability;
  for (const [name, owner] of usedNamespaces(settings)) {
    if (name !== namespace) continue;
    const message = `found ${name}, the namespace of ${owner}; addons need one of their own`;
    yield { path: ["observability", "namespace"], message };
  }
}

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
