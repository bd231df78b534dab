import type { EgressSettings } from "../../components/settings/sections/security";
import { ambientRefusal } from "../capabilities";
import type { PolicyModel } from "../model";
import type { Problems } from "../problems";
import type { Directory } from "./directory";
import type { EgressRule } from "./resolved";
import { targetOf } from "./security";

type Allowance = EgressSettings["allow"][number];

/** Looks up who may leave the mesh, and refuses what a sidecar cannot tell apart. */
export function resolveEgress(model: PolicyModel, directory: Directory, problems: Problems): EgressRule[] | undefined {
  const { egress } = model.security;
  if (!egress) return undefined;
  const rules = egress.allow.flatMap((settings, index) => {
    const path = `security.egress.allow[${index}]`;
    const [first = "", second] = settings.from.split("/");
    const workload =
      second === undefined ? directory.find(model.defaultNamespace, first) : directory.find(first, second);
    checkForm(settings, path, problems);
    if (!workload) {
      problems.add(`${path}.from`, `found ${settings.from}, a gateway; expected a workload, whose way out this is`);
      return [];
    }
    const target = targetOf(workload, directory);
    if (target.dataPlane !== "sidecar") {
      problems.add(
        `${path}.from`,
        target.dataPlane === "ambient"
          ? ambientRefusal("egress")
          : `${target.name} is not in the mesh; set its data plane`,
      );
    }
    return [{ path, workload: target, settings }];
  });
  checkPorts(rules, problems);
  checkTcp(rules, problems);
  return rules;
}

function checkForm({ hosts, protocol, tlsOrigination }: Allowance, path: string, problems: Problems): void {
  const wildcard = hosts.find((host) => host.startsWith("*"));
  if (tlsOrigination && protocol !== "HTTP") {
    problems.add(
      `${path}.tlsOrigination`,
      `goes with protocol HTTP, which the workload then speaks; found ${protocol}`,
    );
  }
  if (wildcard === undefined) return;
  if (protocol === "TCP") {
    problems.add(`${path}.hosts`, `found ${wildcard}; TCP carries no name, so that a wildcard stands for everything`);
  } else if (tlsOrigination) {
    problems.add(`${path}.hosts`, `found ${wildcard}; TLS origination must know the one host to speak to; name each`);
  }
}

/** A Sidecar chooses hosts, not ports: two workloads of a namespace reach the same ports of one host. */
function checkPorts(rules: readonly EgressRule[], problems: Problems): void {
  const byHost = new Map<string, { readonly path: string; readonly form: string; readonly shown: string }>();
  for (const { path, workload, settings } of rules) {
    const { ports, protocol, tlsOrigination } = settings;
    const sorted = [...new Set(ports)].sort((a, b) => a - b);
    const form = JSON.stringify([sorted, protocol, tlsOrigination]);
    for (const host of settings.hosts) {
      const key = `${workload.namespace} ${host}`;
      const before = byHost.get(key);
      byHost.set(key, before ?? { path, form, shown: `${protocol} ${sorted.join(", ")}` });
      if (!before || before.form === form) continue;
      problems.add(
        path,
        `${host} is allowed by ${before.path} with ${before.shown}, and sidecars of one namespace cannot tell ports or protocols of a host apart by workload; say the same in both`,
      );
    }
  }
}

/** TCP carries no name: on one port everything goes to one host. */
function checkTcp(rules: readonly EgressRule[], problems: Problems): void {
  const owners = new Map<string, string>();
  for (const { path, workload, settings } of rules.filter((rule) => rule.settings.protocol === "TCP")) {
    for (const host of settings.hosts) {
      for (const port of settings.ports) {
        const key = `${workload.namespace} ${port}`;
        const owner = owners.get(key) ?? host;
        owners.set(key, owner);
        if (owner === host) continue;
        problems.add(
          `${path}.ports`,
          `TCP on port ${port} leads to ${owner} already, and to nothing else; use TLS, or another port`,
        );
      }
    }
  }
}
