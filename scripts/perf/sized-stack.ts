import { stringify } from "yaml";

/** Services in each namespace. */
const namespaceSize = 20;

/**
 * A stack file with `size` mesh services, each with two versions, a canary route, a weighted split with a timeout and
 * retries, a circuit breaker, and a rule that allows its caller: service n - 1 of its namespace. The same size always
 * gives the same stack.
 */
export function sizedStack(size: number): string {
  const services = Array.from({ length: size }, (_, index) => ({
    name: `service-${index}`,
    namespace: `team-${Math.floor(index / namespaceSize)}`,
    caller: index % namespaceSize === 0 ? undefined : `service-${index - 1}`,
  }));
  const namespaces = [...new Set(services.map(({ namespace }) => namespace))];
  return stringify({
    config: {
      "talos-mesh:environment": "dev",
      "talos-mesh:cluster": { kind: "embedded", name: "perf" },
      "talos-mesh:mesh": { version: "1.31.1", profile: "default", dataPlane: "sidecar", mtls: "STRICT" },
      "talos-mesh:applications": namespaces.map((namespace) => ({
        namespace,
        workloads: services
          .filter((service) => service.namespace === namespace)
          .map(({ name }) => ({ name, serviceAccount: name, port: 8080, versions: ["v1", "v2"] })),
      })),
      "talos-mesh:traffic": { services: services.map(routes) },
      "talos-mesh:security": {
        authorization: {
          default: "deny",
          allow: services.map(({ name, namespace, caller }) => ({
            to: name,
            namespace,
            from: [`${namespace}/${caller ?? name}`],
            methods: ["GET", "POST"],
          })),
        },
      },
    },
  });
}

function routes({ name, namespace }: { readonly name: string; readonly namespace: string }): Record<string, unknown> {
  return {
    host: name,
    namespace,
    subsets: ["v1", "v2"],
    trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5, interval: "10s" } },
    http: [
      { match: [{ headers: { "x-canary": { exact: "always" } } }], route: { v2: 100 } },
      { route: { v1: 90, v2: 10 }, timeout: "3s", retries: { attempts: 2, perTryTimeout: "1s" } },
    ],
  };
}
