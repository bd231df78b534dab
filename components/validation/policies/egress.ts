import { ambientRefusal } from "../../../policies/capabilities";
import { workloadKey } from "../../model/names";
import { egressLabel } from "../../model/object-names";
import { type EgressMode, type EgressRule, type PolicyModel } from "../../model/policies/policy-model";
import { formatPath, type Problem, type Refusal, type SettingPath } from "../../shared/problem";
import { problemsAt } from "../check";

/** A Gateway and a subset are named after each host (`to-...`); both names are DNS labels. */
const longestLabel = 60;

/** Egress rules that would allow more, or less, than they say. */
export function* egressProblems(model: PolicyModel): Iterable<Problem> {
  const { names } = model;
  const rules = model.egress?.rules ?? [];
  yield* problemsAt(
    rules,
    ({ settings: { from } }) =>
      names.findGateway(from) && !names.findWorkload(names.defaultNamespace ?? "", from)
        ? { from: `found ${from}, a gateway; expected a workload` }
        : undefined,
    (rule) => ({ from: wrongMode(rule) }),
    ({ mode, workload: { dataPlane, namespace }, waypoint }) =>
      mode === "waypoint" &&
      !waypoint &&
      dataPlane === "ambient" && {
        from:
          `egress of the ambient namespace ${namespace} goes through its waypoint; ` +
          `add { namespace: ${namespace} } to talos-mesh:mesh.waypoints`,
      },
    ({ settings: { tlsOrigination, protocol } }) =>
      tlsOrigination &&
      protocol !== "HTTP" && {
        tlsOrigination: `needs protocol HTTP, which the workload speaks to its proxy; found ${protocol}`,
      },
  );
  // A rule with a wrong mode is not checked further.
  const further = (check: (rule: EgressRule) => Refusal) => (rule: EgressRule) =>
    wrongMode(rule) === undefined ? check(rule) : undefined;
  yield* problemsAt(
    rules,
    ...[wildcards, gatewayLimits, sharedIdentity(model), differentProtocols(), tcpPorts()].map(further),
  );
}

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

function wildcards({ mode, settings: { hosts, protocol, tlsOrigination } }: EgressRule): Refusal {
  const wildcard = hosts.find((host) => host.startsWith("*."));
  if (wildcard === undefined) return undefined;
  const reasons = [
    mode === "waypoint" && ambientRefusal("egressWildcard"),
    mode === "egressGateway" && "an egress gateway has to resolve the host name; list each host",
    protocol === "TCP" && "TCP carries no host name, so a wildcard would allow every host",
    tlsOrigination && "TLS origination needs one host name; list each host",
  ];
  const reason = reasons.find(Boolean);
  return reason !== undefined && { hosts: `found ${wildcard}; ${reason}` };
}

function gatewayLimits({ mode, settings: { ports, hosts } }: EgressRule): Refusal {
  if (mode !== "egressGateway") return undefined;
  const long = hosts.find((host) => egressLabel(host).length > longestLabel);
  return {
    ports:
      new Set(ports).size > 1 && `found ${ports.join(", ")}; an egress gateway serves one port of a host; keep one`,
    hosts: long !== undefined && `${long} is too long for an egress gateway, which names a Gateway after it`,
  };
}

/** Egress gateways and waypoints authorize service accounts: a rule applies to every workload with the same one. */
function sharedIdentity({ names, egress }: PolicyModel) {
  return ({ mode, workload, settings }: EgressRule): Refusal => {
    if (mode === "sidecar") return undefined;
    const open = names.sameIdentity(workload).filter((other) => {
      const allowed = egress?.rules.filter((one) => workloadKey(one.workload) === workloadKey(other)) ?? [];
      return !settings.hosts.every((host) => allowed.some((one) => one.settings.hosts.includes(host)));
    });
    return {
      from: open.map(
        (other) =>
          `${workload.name} runs as service account ${workload.serviceAccount}, and so does ${other.name}: ` +
          "the hosts would be open to both; allow them for both, or give each its own service account",
      ),
    };
  };
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
function differentProtocols() {
  const byHost = new Map<string, { readonly path: SettingPath; readonly shown: string }>();
  return ({ path, workload, settings, mode }: EgressRule): Refusal => {
    const ports = [...new Set(settings.ports)].sort((a, b) => a - b).join(", ");
    const shown = `${settings.protocol}${mode === "waypoint" ? "" : ` ${ports}`}${settings.tlsOrigination ? " and tlsOrigination" : ""}`;
    return settings.hosts.map((host) => {
      const key = mode === "egressGateway" ? host : `${workload.namespace} ${host}`;
      const before = byHost.get(key) ?? { path, shown };
      byHost.set(key, before);
      if (before.shown === shown) return undefined;
      return `${host} is allowed by ${formatPath(before.path)} with ${before.shown}, and ${differences[mode]}`;
    });
  };
}

/** A sidecar cannot tell the hosts of a TCP port apart. */
function tcpPorts() {
  const hostOfPort = new Map<string, string>();
  return ({ workload, settings, mode }: EgressRule): Refusal => {
    if (mode === "waypoint" || settings.protocol !== "TCP") return undefined;
    const pairs = settings.hosts.flatMap((host) => settings.ports.map((port) => ({ host, port })));
    const messages = pairs.map(({ host, port }) => {
      const key = `${workload.namespace} ${port}`;
      const taken = hostOfPort.get(key) ?? host;
      hostOfPort.set(key, taken);
      if (taken === host) return undefined;
      return `TCP on port ${port} already goes to ${taken}, and a port can have one host only; use TLS, or another port`;
    });
    return { ports: messages };
  };
}
