import type { Problem } from "../../shared/problem";
import type { Settings } from "../../settings/schema";
import { namespaceProblems } from "./namespaces";
import { rule } from "./rule";

type Observability = NonNullable<Settings["observability"]>;

/** Addons that keep something, with the volume they keep it in. */
function storages({ prometheus, grafana, tracing, loki }: Observability) {
  return Object.entries({ prometheus, grafana, tracing, loki }).flatMap(([addon, settings]) =>
    settings?.storage ? [{ addon, storage: settings.storage }] : [],
  );
}

/** Namespaces whose pods are the mesh's own or an application's, with what each is for. */
function* taken({ gateways, bookinfo, applications = [] }: Pick<Settings, "gateways" | "bookinfo" | "applications">) {
  for (const [name, gateway] of Object.entries(gateways)) {
    yield [gateway?.namespace ?? `istio-${name}`, `gateway ${name}`] as const;
  }
  if (bookinfo) yield [bookinfo.namespace, "Bookinfo"] as const;
  for (const { namespace } of applications) yield [namespace, "an application"] as const;
}

export const observabilityRules = [
  rule(["observability"], function* ({ observability }) {
    if (!observability || observability.prometheus) return;
    for (const reader of ["grafana", "kiali"] as const) {
      if (observability[reader]) {
        yield {
          path: ["observability", reader],
          message: "reads its figures from Prometheus; add observability.prometheus",
        };
      }
    }
    if (observability.alerts) {
      yield { path: ["observability", "alerts"], message: "Prometheus judges alerts; add observability.prometheus" };
    }
  }),
  rule(["observability"], function* ({ observability }) {
    if (observability?.tracing?.provider === "zipkin" && observability.tracing.storage) {
      yield {
        path: ["observability", "tracing", "storage"],
        message: "Zipkin keeps traces in its memory; remove it, or set provider to jaeger",
      };
    }
  }),
  rule(["environment", "observability"], function* ({ environment, observability }) {
    if (environment === "dev") return;
    for (const reader of ["grafana", "kiali"] as const) {
      if (!observability?.[reader]?.anonymous) continue;
      yield {
        path: ["observability", reader, "anonymous"],
        message: `found true, which is for dev; environment ${environment} expected false`,
      };
    }
  }),
  // A volume that nobody provides leaves its pod pending, and the release waits for that pod until it times out.
  rule(["cluster", "observability"], function* ({ cluster, observability }) {
    for (const { addon, storage } of observability ? storages(observability) : []) {
      const path = ["observability", addon, "storage"];
      if (cluster.kind === "embedded") {
        const instead = addon === "loki" ? "remove loki, which does not run without one" : "remove it";
        yield { path, message: `simulated nodes have no volumes; ${instead}` };
      } else if (cluster.kind !== "existing" && storage.storageClass === undefined) {
        yield {
          path: [...path, "storageClass"],
          message: "Talos brings no StorageClass; install a provisioner and name its class",
        };
      }
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
