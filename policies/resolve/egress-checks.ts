import type { EgressSettings } from "../../components/settings/sections/security";
import { ambientRefusal } from "../capabilities";
import type { Problems } from "../problems";
import { type Directory, workloadKey } from "./directory";
import type { EgressMode, EgressRule } from "./resolved";

type Allowance = EgressSettings["allow"][number];

/** An egress gateway has a Gateway and a subset for each host, named after it (`to-...`); both names are DNS labels. */
const longestName = 60;

/** Refuses ways out that would let out more, or less, than they say. */
export function checkEgress(rules: readonly EgressRule[], directory: Directory, problems: Problems): void {
  for (const { path, settings, mode } of rules) checkForm(settings, mode, path, problems);
  checkForms(rules, problems);
  checkTcp(
    rules.filter(({ mode }) => mode !== "waypoint"),
    problems,
  );
  for (const rule of rules) if (rule.mode !== "sidecar") checkIdentity(rule, rules, directory, problems);
}

function checkForm(
  { hosts, ports, protocol, tlsOrigination }: Allowance,
  mode: EgressMode,
  path: string,
  problems: Problems,
): void {
  if (tlsOrigination && protocol !== "HTTP") {
    problems.add(
      `${path}.tlsOrigination`,
      `needs protocol HTTP, which the workload speaks to its proxy; found ${protocol}`,
    );
  }
  checkWildcards({ hosts, protocol, tlsOrigination }, mode, `${path}.hosts`, problems);
  if (mode !== "egressGateway") return;
  if (new Set(ports).size > 1) {
    problems.add(`${path}.ports`, `found ${ports.join(", ")}; an egress gateway serves one port of a host; keep one`);
  }
  const long = hosts.find((host) => subsetName(host).length > longestName);
  if (long !== undefined) {
    problems.add(`${path}.hosts`, `${long} is too long for an egress gateway, which names a Gateway after it`);
  }
}

function checkWildcards(
  { hosts, protocol, tlsOrigination }: Pick<Allowance, "hosts" | "protocol" | "tlsOrigination">,
  mode: EgressMode,
  path: string,
  problems: Problems,
): void {
  const wildcard = hosts.find((host) => host.startsWith("*"));
  if (wildcard === undefined) return;
  if (mode === "waypoint") {
    problems.add(path, `found ${wildcard}; ${ambientRefusal("egressWildcard")}`);
  } else if (mode === "egressGateway") {
    problems.add(path, `found ${wildcard}; an egress gateway has to resolve the host name; list each host`);
  } else if (protocol === "TCP") {
    problems.add(path, `found ${wildcard}; TCP carries no host name, so a wildcard would allow every host`);
  } else if (tlsOrigination) {
    problems.add(path, `found ${wildcard}; TLS origination needs one host name; list each host`);
  }
}

/**
 * Rules that share a host must mean the same by it. A Sidecar chooses hosts, not ports, and an egress gateway knows one
 * port of a host; only a waypoint tells the ports of a host apart by workload.
 */
function checkForms(rules: readonly EgressRule[], problems: Problems): void {
  const byHost = new Map<string, { readonly path: string; readonly form: string; readonly shown: string }>();
  for (const { path, workload, settings, mode } of rules) {
    const { ports, protocol, tlsOrigination } = settings;
    const sorted = [...new Set(ports)].sort((a, b) => a - b);
    const form = JSON.stringify([mode === "waypoint" ? [] : sorted, protocol, tlsOrigination]);
    const shown = `${protocol}${mode === "waypoint" ? "" : ` ${sorted.join(", ")}`}${tlsOrigination ? " and tlsOrigination" : ""}`;
    for (const host of settings.hosts) {
      const key = mode === "egressGateway" ? host : `${workload.namespace} ${host}`;
      const before = byHost.get(key);
      byHost.set(key, before ?? { path, form, shown });
      if (!before || before.form === form) continue;
      problems.add(path, `${host} is allowed by ${before.path} with ${before.shown}, and ${cannotTell[mode]}`);
    }
  }
}

const cannotTell: Readonly<Record<EgressMode, string>> = {
  sidecar: "sidecars of one namespace cannot tell ports or protocols of a host apart by workload; say the same in both",
  egressGateway: "an egress gateway knows one port and protocol of a host; say the same in both",
  waypoint: "a waypoint knows one protocol of a host; say the same in both",
};

/** To a sidecar TCP carries no name: on one port everything goes to one host. */
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
          `TCP on port ${port} already leads to ${owner}, and a port leads to one host only; use TLS, or another port`,
        );
      }
    }
  }
}

/** Gateways and waypoints go by service accounts, and let out every workload that runs under one. */
function checkIdentity(
  { path, workload, settings }: EgressRule,
  rules: readonly EgressRule[],
  directory: Directory,
  problems: Problems,
): void {
  const known = directory.find(workload.namespace, workload.name);
  for (const other of known ? directory.sameIdentity(known) : []) {
    const allowed = rules.filter((rule) => workloadKey(rule.workload) === workloadKey(other));
    const same = (host: string) => allowed.some((rule) => rule.settings.hosts.includes(host));
    if (settings.hosts.every(same)) continue;
    problems.add(
      `${path}.from`,
      `${workload.name} runs as service account ${workload.serviceAccount}, and so does ${other.name}: ` +
        "the way out would be open to both; allow it for both, or give each its own service account",
    );
  }
}

/** A host as a DNS label: no label of a host begins or ends with a dash, so that no two become one. */
export function subsetName(host: string): string {
  return host.replace(/-/g, "--").replace(/\./g, "-");
}
