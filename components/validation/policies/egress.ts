import { ambientRefusal } from "../../../policies/capabilities";
import { workloadKey } from "../../model/names";
import { type EgressMode, type EgressRule, egressLabel, type PolicyModel } from "../../model/policies/policy-model";
import { formatPath, type Problem, type SettingPath } from "../../shared/problem";
import { checkEach, knownEntries, runChecks } from "../../shared/unknown";

/** A Gateway and a subset are named after each host (`to-...`); both names are DNS labels. */
const longestLabel = 60;

/** Egress rules that would allow more, or less, than they say. */
export function* egressProblems(model: PolicyModel): Iterable<Problem> {
  const rules = model.egress?.rules ?? [];
  yield* checkEach(
    rules,
    [],
    (rule) => gatewayNames(rule, model),
    modeProblems,
    waypointProblems,
    tlsOriginationProblems,
    wildcardProblems,
    gatewayProblems,
    (rule) => identityProblems(rule, model),
  );
  yield* runChecks(
    () => differentProtocols(rules),
    () => tcpPortProblems(rules),
  );
}

function* gatewayNames({ path, settings: { from } }: EgressRule, { names }: PolicyModel): Iterable<Problem> {
  if (!names.findGateway(from) || names.findWorkload(names.defaultNamespace ?? "", from)) return;
  yield { path: [...path, "from"], message: `found ${from}, a gateway; expected a workload` };
}

/** What is wrong with the mode of a rule. Rules with a wrong mode are not checked further. */
function wrongMode({ workload, mode }: EgressRule): string | undefined {
  const { name, namespace, dataPlane } = workload;
  if (dataPlane === "none") return `${name} is not in the mesh; set the data plane of namespace ${namespace}`;
  if (mode === "egressGateway" && dataPlane === "ambient") return ambientRefusal("egressGateway");
  if (mode === "sidecar" && dataPlane === "ambient") return ambientRefusal("egressSidecar");
  if (mode === "waypoint" && dataPlane === "sidecar") {
    return (
      `${name} has a sidecar, and mode waypoint is for ambient workloads; ` +
      "remove security.egress.mode, so that each workload uses the mode of its data plane"
    );
  }
  return undefined;
}

function* modeProblems(rule: EgressRule): Iterable<Problem> {
  const message = wrongMode(rule);
  if (message !== undefined) yield { path: [...rule.path, "from"], message };
}

function* waypointProblems({ path, mode, workload, waypoint }: EgressRule): Iterable<Problem> {
  if (mode !== "waypoint" || waypoint || workload.dataPlane !== "ambient") return;
  const { namespace } = workload;
  const message =
    `egress of the ambient namespace ${namespace} goes through its waypoint; ` +
    `add { namespace: ${namespace} } to talos-mesh:mesh.waypoints`;
  yield { path: [...path, "from"], message };
}

function* tlsOriginationProblems({ path, settings: { tlsOrigination, protocol } }: EgressRule): Iterable<Problem> {
  if (!tlsOrigination || protocol === "HTTP") return;
  const message = `needs protocol HTTP, which the workload speaks to its proxy; found ${protocol}`;
  yield { path: [...path, "tlsOrigination"], message };
}

function* wildcardProblems(rule: EgressRule): Iterable<Problem> {
  const wildcard = rule.settings.hosts.find((host) => host.startsWith("*."));
  const reason = wildcard === undefined || wrongMode(rule) ? undefined : wildcardRefusal(rule);
  if (reason !== undefined) yield { path: [...rule.path, "hosts"], message: `found ${wildcard}; ${reason}` };
}

function wildcardRefusal({ mode, settings: { protocol, tlsOrigination } }: EgressRule): string | undefined {
  if (mode === "waypoint") return ambientRefusal("egressWildcard");
  if (mode === "egressGateway") return "an egress gateway has to resolve the host name; list each host";
  if (protocol === "TCP") return "TCP carries no host name, so a wildcard would allow every host";
  return tlsOrigination ? "TLS origination needs one host name; list each host" : undefined;
}

function* gatewayProblems(rule: EgressRule): Iterable<Problem> {
  const { path, mode, settings } = rule;
  if (mode !== "egressGateway" || wrongMode(rule)) return;
  const { ports, hosts } = settings;
  if (new Set(ports).size > 1) {
    const message = `found ${ports.join(", ")}; an egress gateway serves one port of a host; keep one`;
    yield { path: [...path, "ports"], message };
  }
  const long = hosts.find((host) => egressLabel(host).length > longestLabel);
  if (long === undefined) return;
  const message = `${long} is too long for an egress gateway, which names a Gateway after it`;
  yield { path: [...path, "hosts"], message };
}

/** Egress gateways and waypoints authorize service accounts: a rule applies to every workload with the same one. */
function* identityProblems(rule: EgressRule, { names, egress }: PolicyModel): Iterable<Problem> {
  const { path, workload, settings } = rule;
  if (rule.mode === "sidecar" || wrongMode(rule)) return;
  for (const other of names.sameIdentity(workload)) {
    const allowed = egress?.rules.filter((one) => workloadKey(one.workload) === workloadKey(other)) ?? [];
    if (settings.hosts.every((host) => allowed.some((one) => one.settings.hosts.includes(host)))) continue;
    yield {
      path: [...path, "from"],
      message:
        `${workload.name} runs as service account ${workload.serviceAccount}, and so does ${other.name}: ` +
        "the hosts would be open to both; allow them for both, or give each its own service account",
    };
  }
}

const differences: Readonly<Record<EgressMode, string>> = {
  sidecar:
    "sidecars of one namespace cannot distinguish ports or protocols of a host by workload; use the same in both",
  egressGateway: "an egress gateway serves one port and protocol of a host; use the same in both",
  waypoint: "a waypoint serves one protocol of a host; use the same in both",
};

/**
 * Rules for the same host must agree. A Sidecar selects hosts and not ports, and an egress gateway serves one port of a
 * host; only a waypoint distinguishes the ports of a host by workload.
 */
function* differentProtocols(rules: readonly EgressRule[]): Iterable<Problem> {
  const byHost = new Map<string, { readonly path: SettingPath; readonly shown: string }>();
  for (const [, rule] of knownEntries(rules)) {
    const { path, workload, settings, mode } = rule;
    if (wrongMode(rule)) continue;
    const ports = [...new Set(settings.ports)].sort((a, b) => a - b).join(", ");
    const shown = `${settings.protocol}${mode === "waypoint" ? "" : ` ${ports}`}${settings.tlsOrigination ? " and tlsOrigination" : ""}`;
    for (const host of settings.hosts) {
      const key = mode === "egressGateway" ? host : `${workload.namespace} ${host}`;
      const before = byHost.get(key);
      byHost.set(key, before ?? { path, shown });
      if (!before || before.shown === shown) continue;
      const message = `${host} is allowed by ${formatPath(before.path)} with ${before.shown}, and ${differences[mode]}`;
      yield { path, message };
    }
  }
}

/** A sidecar cannot tell the hosts of a TCP port apart. */
function* tcpPortProblems(rules: readonly EgressRule[]): Iterable<Problem> {
  const hostOfPort = new Map<string, string>();
  for (const [, rule] of knownEntries(rules)) {
    const { path, workload, settings, mode } = rule;
    if (mode === "waypoint" || settings.protocol !== "TCP" || wrongMode(rule)) continue;
    for (const host of settings.hosts) {
      for (const port of settings.ports) {
        const key = `${workload.namespace} ${port}`;
        const taken = hostOfPort.get(key) ?? host;
        hostOfPort.set(key, taken);
        if (taken === host) continue;
        const message = `TCP on port ${port} already goes to ${taken}, and a port can have one host only; use TLS, or another port`;
        yield { path: [...path, "ports"], message };
      }
    }
  }
}
