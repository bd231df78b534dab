import { listOf } from "../settings/wording";
import { checkEach } from "../shared/unknown";
import { type Check, problemsOfEach, refuse, rule, unique } from "./check";

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
  refuse(
    `${workload}.labels`,
    (labels) => Object.keys(labels).length === 0,
    "found none, which would select every pod; expected the selector of the Service, such as { app: front }",
  ),
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
