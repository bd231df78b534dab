import { configuredApplications, deployableApplications } from "../apps/registry";
import { benchmarkNamespace, verificationNamespace } from "../model/data-planes";
import { gatewayNamespace } from "../model/gateways";
import type { Model } from "../model/model";
import { type Problem, problemsOf } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import { applicationRule, type Check, rule, systemNamespaceRefusal, unique } from "./check";

const namespacePaths = [
  ...deployableApplications.map(({ name }) => `${name}.namespace` as const),
  "observability.namespace",
  "gateways.*.namespace",
  "applications.*.namespace",
] as const;

export const namespaceChecks: readonly Check[] = [
  applicationRule(({ application, settings: { namespace } }) => ({
    [application.name]: { namespace: systemNamespaceRefusal(namespace, false) },
  })),
  unique("applications.*.namespace", "namespace"),
  rule("observability.namespace", (namespace) => systemNamespaceRefusal(namespace, true)),
  addonNamespace,
  ...namespacePaths.map((path) =>
    rule(path, (name, { settings: { benchmark, verification } }) =>
      benchmark && name.startsWith(benchmarkNamespace)
        ? takenRefusal(name, "benchmark", benchmarkNamespace)
        : verification?.enabled && name.startsWith(verificationNamespace)
          ? takenRefusal(name, "verification", verificationNamespace)
          : undefined,
    ),
  ),
];

function takenRefusal(name: string, section: string, start: string): string {
  return `found ${name}; talos-mesh:${section} creates and deletes the namespaces named ${start}*; rename it`;
}

/** Addons share no namespace with the mesh or an application. */
function addonNamespace({ settings }: Model): Iterable<Problem> {
  const { observability } = settings;
  if (!observability) return [];
  const taken = (namespace: string, owner: string) => {
    const message = `found ${namespace}, the namespace of ${owner}; addons need one of their own`;
    return problemsOf(namespace === observability.namespace && { namespace: message }, ["observability"]);
  };
  return runChecks(
    () =>
      checkEach(settings.gateways, [], (gateway, [name]) =>
        taken(gatewayNamespace(String(name), gateway), `gateway ${name}`),
      ),
    () =>
      checkEach(configuredApplications(settings), [], ({ application, settings: { namespace } }) =>
        taken(namespace, application.title),
      ),
    () => checkEach(settings.applications, [], ({ namespace }) => taken(namespace, "an application")),
  );
}
