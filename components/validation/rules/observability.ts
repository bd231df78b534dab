import path from "node:path";
import { addonChecks, installedAddons, secretReferences } from "../../observability/addons/registry";
import type { Settings } from "../../settings/schema";
import type { Problem } from "../../shared/problem";
import { runChecks, unknown } from "../../shared/unknown";
import { namespaceProblems } from "./namespaces";
import { rule } from "./rule";

const projectRoot = path.resolve(__dirname, "../../..");

/** Namespaces of gateways and applications, with what each is for. */
function* taken({ gateways, bookinfo, applications = [] }: Pick<Settings, "gateways" | "bookinfo" | "applications">) {
  for (const [name, gateway] of Object.entries(gateways)) {
    yield [gateway?.namespace ?? `istio-${name}`, `gateway ${name}`] as const;
  }
  if (bookinfo) yield [bookinfo.namespace, "Bookinfo"] as const;
  for (const { namespace } of applications) yield [namespace, "an application"] as const;
}

export const observabilityRules = [
  rule(["observability"], function* ({ observability, ...others }) {
    if (!observability) return;
    const { environment, cluster } = others as Partial<Settings>;
    const stack = {
      environment: () => environment ?? unknown(),
      clusterKind: () => (cluster ?? unknown()).kind,
      projectRoot,
    };
    const found = runChecks(...addonChecks(observability, stack));
    for (const { path, message } of found) yield { path: ["observability", ...path], message };
  }),
  rule(["observability"], function* ({ observability }) {
    if (observability?.alerts && !observability.prometheus) {
      yield { path: ["observability", "alerts"], message: "Prometheus evaluates alerts; add observability.prometheus" };
    }
  }),
  rule(["observability"], function* ({ observability }, { secretTexts }) {
    for (const { path, entry, secret } of installedAddons(observability).flatMap(secretReferences)) {
      const text = secretTexts.get(entry);
      const message = text === undefined ? undefined : secret.refuses?.(text);
      if (message !== undefined) yield { path: ["observability", ...path], message };
    }
  }),
  rule(["observability", "gateways", "bookinfo", "applications"], function* ({ observability, ...others }) {
    if (!observability) return;
    const path = ["observability", "namespace"];
    const { namespace } = observability;
    yield* namespaceProblems(path, namespace, "program");
    for (const [name, owner] of taken(others)) {
      if (name !== namespace) continue;
      const problem: Problem = {
        path,
        message: `found ${name}, the namespace of ${owner}; addons need one of their own`,
      };
      yield problem;
    }
  }),
];
