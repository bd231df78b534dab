import { listOf } from "../settings/wording";
import { checkEach } from "../shared/unknown";
import { waypointTitle } from "../model/names";
import { hasPods } from "../shared/workload";
import { dataPlaneOf } from "../model/data-planes";
import { protocolOfName } from "../model/workloads";
import { refusalOfEach } from "../shared/problem";
import { type Check, problemsOfEach, rule, unique } from "./check";

/** Checks of the workloads of `talos-mesh:applications`. */
const workload = "applications.*.workloads.*";

export const workloadChecks: readonly Check[] = [
  unique(`${workload}.ports.*.port`, "port", workload),
  unique(`${workload}.ports.*.name`, "name", workload),
  ({ settings: { applications } }) =>
    checkEach(applications, ["applications"], ({ workloads }, path) =>
      checkEach(workloads, [...path, "workloads"], ({ ports = [] }, at) =>
        problemsOfEach(ports, [...at, "ports"], ({ name }) => ({
          name:
            ports.length > 1 &&
            name === undefined &&
            "missing; Kubernetes requires one where a Service has several ports",
        })),
      ),
    ),
  rule(workload, ({ name, ports = [], headless }) => ({
    ports: refusalOfEach(ports, ({ port, targetPort = port, ...given }) => {
      const protocol = (one: typeof given) => one.protocol ?? protocolOfName(one.name);
      const other = ports.find((one) => one.port !== port && (one.targetPort ?? one.port) === targetPort);
      return {
        targetPort:
          headless && targetPort !== port
            ? `found ${targetPort}; clients of a headless Service connect to the pods at its port, ${port}; remove it`
            : other &&
              protocol(other) !== protocol(given) &&
              `found ${targetPort} for port ${port} (${protocol(given)}) and port ${other.port} (${protocol(other)}) of ${name}; a proxy reads a port of the pods in one way; give both the same protocol`,
      };
    }),
  })),
  rule(`${workload}.labels`, (labels, { settings: { applications, mesh } }, at) => {
    const { namespace = "" } = applications?.[Number(at[1])] ?? {};
    if (hasPods({ labels }) || dataPlaneOf(mesh, namespace) !== "ambient") return undefined;
    return `found none, which is a Service without selector, to which ztunnel applies no policies; in the ambient namespace ${namespace} expected the selector of the Service, or its host and endpoints in traffic.externalServices`;
  }),
  rule(workload, ({ name, headless }, { settings: { applications }, names }, at) => {
    const { namespace = "" } = applications?.[Number(at[1])] ?? {};
    const waypoint = headless && names.waypoint({ namespace, name });
    if (!waypoint) return undefined;
    return {
      headless: `found true, and clients in the ambient mesh connect to its pods around ${waypointTitle(waypoint)}, whose rules would not hold; let them call a Service with an address, or move it to a namespace without a waypoint`,
    };
  }),
  rule(workload, ({ labels = { app: "" }, versions }) => ({
    versions:
      !hasPods({ labels }) &&
      versions.length > 0 &&
      "a Service without selector (labels: {}) has no pods with versions; remove it",
  })),
  rule(workload, ({ versions, versionServices }) => {
    if (typeof versionServices === "boolean") return undefined;
    const unknown = Object.keys(versionServices).filter((version) => !versions.includes(version));
    const known = versions.length > 0 ? listOf(versions) : "none";
    return {
      versionServices: Object.fromEntries(
        unknown.map((version) => [version, `no such version; versions has ${known}`]),
      ),
    };
  }),
  rule(workload, ({ ports = [], versionServices }) => {
    if (ports.length <= 1 || typeof versionServices === "boolean") return undefined;
    const refusal = "the Service has several ports, and that of a version has the same; remove it";
    return {
      versionServices: Object.fromEntries(
        Object.entries(versionServices).map(([version, { port }]) => [
          version,
          port !== undefined && { port: refusal },
        ]),
      ),
    };
  }),
];
