import { ambientRefusal } from "../../../policies/capabilities";
import { workloadKey } from "../../model/names";
import type { EgressMode, EgressRule } from "../../model/policies/egress";
import { isExportedTo } from "../../model/policies/external-services";
import { isIstioGateway, type PolicyModel } from "../../model/policies/policy-model";
import type { SecuritySettings } from "../../settings/sections/security";
import { formatPath, type Problem, problemsOf, type Refusal, type SettingPath, shortPath } from "../../shared/problem";
import { hasPods } from "../../shared/workload";
import { allocationRemedy, problemsAt, problemsOfEach, proxyRemedy } from "../check";
import { tooLongForGateway } from "./external-services";
import { withoutListeners } from "./connection-listeners";

/** Egress rules that would allow more, or less, than they say. */
export function* egressProblems(
  model: PolicyModel,
  { security }: { readonly security: SecuritySettings },
): Iterable<Problem> {
  const rules = model.egress?.rules ?? [];
  yield* problemsOfEach(security.egress?.allow, ["security", "egress", "allow"], ({ from }) => client(from, model));
  // An entry for a namespace or the mesh is a rule for each of its workloads, and has its problems once.
  yield* firstOfEach(
    problemsAt(
      rules,
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
    ),
  );
  // A rule with a wrong mode is not checked further.
  const further = (check: (rule: EgressRule) => Refusal) => (rule: EgressRule) =>
    wrongMode(rule) === undefined ? check(rule) : undefined;
  const checks = [
    wildcards,
    gatewayLimits(model),
    missingPorts,
    describedHosts,
    sharedIdentity(model),
    tcpPorts(model),
  ];
  yield* firstOfEach(problemsAt(rules, ...checks.map(further)));
  yield* differentPorts(rules.filter((rule) => wrongMode(rule) === undefined));
}

function* firstOfEach(problems: Iterable<Problem>): Iterable<Problem> {
  const seen = new Set<string>();
  for (const problem of problems) {
    const key = JSON.stringify(problem);
    if (!seen.has(key)) yield problem;
    seen.add(key);
  }
}

function client(from: string, { names }: PolicyModel): Refusal {
  const target = names.findTarget(from);
  if (target?.kind === "gateway") return { from: `found ${from}, a gateway; expected a workload` };
  const isWide = target?.kind === "namespace" || target?.kind === "mesh";
  const meshed = target?.workloads.some(({ dataPlane }) => dataPlane !== "none");
  return isWide && !meshed && { from: `found ${from}, where no workload is in the mesh; expected one that is` };
}

function wrongMode({ workload, mode }: EgressRule): string | undefined {
  const { name, namespace, dataPlane } = workload;
  if (!hasPods(workload)) return undefined;
  if (dataPlane === "none") return `${name} is not in the mesh; ${proxyRemedy(namespace)}`;
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

function inline({ settings: { hosts }, described }: EgressRule): string[] {
  return hosts.filter((host) => !described.has(host));
}

function wildcards(rule: EgressRule): Refusal {
  const { mode, settings } = rule;
  const { protocol, tlsOrigination } = settings;
  const wildcard = inline(rule).find((host) => host.startsWith("*."));
  if (wildcard === undefined) return undefined;
  const reasons = [
    mode === "waypoint" && ambientRefusal("egressWildcard"),
    mode === "egressGateway" &&
      "an egress gateway has to resolve the host name; list each host, or describe it in traffic.externalServices with the endpoint that serves all of them",
    protocol === "TCP" && "TCP carries no host name, so a wildcard would allow every host",
    tlsOrigination && "TLS origination needs one host name; list each host",
  ];
  const reason = reasons.find(Boolean);
  return reason !== undefined && { hosts: `found ${wildcard}; ${reason}` };
}

function gatewayLimits(model: PolicyModel) {
  const gateway = model.egress?.gateway;
  return (rule: EgressRule): Refusal => {
    const { mode, settings } = rule;
    if (mode !== "egressGateway") return undefined;
    const asBytes = gateway && !isIstioGateway(gateway) && settings.protocol !== "HTTP" && inline(rule).length > 0;
    return {
      hosts: tooLongForGateway(settings.hosts),
      protocol: asBytes && withoutListeners("tls", model, `found ${settings.protocol}`),
    };
  };
}

function missingPorts(rule: EgressRule): Refusal {
  const [host] = inline(rule);
  if (host === undefined || rule.settings.ports) return undefined;
  return { ports: `missing; expected the ports of ${host}, or an entry of talos-mesh:traffic.externalServices for it` };
}

/** What the entry of a host in `traffic.externalServices` decides, and not the rule. */
function describedHosts({ mode, workload, settings, described }: EgressRule): Refusal {
  return [...described].map(([host, service]): Refusal => {
    const at = shortPath(service.path);
    const ports = service.ports.map(({ number }) => number);
    const foreign = settings.ports?.find((port) => !ports.includes(port));
    const others = service.hosts.filter((one) => !settings.hosts.includes(one));
    return {
      ports: [
        mode !== "waypoint" && settings.ports && `of ${host} are those of ${at}, for every workload; remove them`,
        mode === "waypoint" && foreign !== undefined && `found ${foreign}; ${at} has ${ports.join(", ")}`,
      ],
      tlsOrigination: settings.tlsOrigination && `of ${host} is set by trafficPolicy.tls of ${at}; remove it`,
      hosts: [
        !isExportedTo(service, workload.namespace) &&
          `found ${host}, which ${at} does not export to namespace ${workload.namespace}; add it to exportTo`,
        mode === "egressGateway" &&
          service.gateway?.name !== "egress" &&
          `found ${host}, whose requests do not go through the egress gateway; set egressGateway: egress in ${at}`,
        mode === "waypoint" &&
          !service.waypoint &&
          `found ${host}, which no waypoint authorizes; set a namespace with a waypoint in ${at}`,
        mode === "waypoint" &&
          others.length > 0 &&
          `found ${host}; a waypoint authorizes ${at} as a whole; add ${others.join(", ")}, or write an entry for each host`,
      ],
    };
  });
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

const oneOfEach = "an egress gateway serves one port of a host for HTTP, and one for TLS or TCP";

const differences: Readonly<Record<EgressMode, string>> = {
  sidecar:
    "sidecars of one namespace cannot distinguish ports or protocols of a host by workload; use the same in both",
  egressGateway: "an egress gateway cannot distinguish ports or protocols of a host by workload; use the same in both",
  waypoint: "a waypoint serves one protocol of a port of a host; use the same in both",
};

interface ClientPorts {
  path: SettingPath;
  /** Protocol by number, such as `HTTP and tlsOrigination`. */
  readonly protocols: Map<number, string>;
}

/**
 * Rules for the same host must agree. A Sidecar selects hosts and not ports, and the SNI at an egress gateway is that of
 * the host; only a waypoint distinguishes the ports of a host by workload.
 */
function* differentPorts(rules: readonly EgressRule[]): Iterable<Problem> {
  const byHost = new Map<string, { host: string; mode: EgressMode; clients: Map<string, ClientPorts> }>();
  const taken = new Map<string, { readonly path: SettingPath; readonly protocol: string }>();
  for (const { path, settings, mode, workload, described } of rules) {
    const protocol = `${settings.protocol}${settings.tlsOrigination ? " and tlsOrigination" : ""}`;
    for (const host of settings.hosts.filter((one) => !described.has(one))) {
      const key = mode === "egressGateway" ? host : `${workload.namespace} ${host}`;
      const { clients } = byHost.get(key) ?? { clients: new Map<string, ClientPorts>() };
      byHost.set(key, { host, mode, clients });
      const own = clients.get(workloadKey(workload)) ?? { path, protocols: new Map<number, string>() };
      clients.set(workloadKey(workload), own);
      own.path = path;
      for (const port of settings.ports ?? []) {
        const first = taken.get(`${key} ${port}`) ?? { path, protocol };
        taken.set(`${key} ${port}`, first);
        if (first.protocol !== protocol) yield different(host, path, first.path, `${first.protocol} ${port}`, mode);
        else own.protocols.set(port, protocol);
      }
    }
  }
  for (const { host, mode, clients } of byHost.values()) {
    if (mode === "waypoint") continue;
    const [first, ...others] = [...clients.values()].map(({ path, protocols }) => ({
      path,
      protocols: listed(protocols),
    }));
    const other = others.find(({ protocols }) => protocols !== first?.protocols);
    if (first && other) yield different(host, other.path, first.path, first.protocols, mode);
    const [ports] = clients.values();
    if (mode === "egressGateway" && ports) yield* problemsOf(tooMany(host, ports), ports.path);
  }
}

function different(host: string, path: SettingPath, first: SettingPath, shown: string, mode: EgressMode): Problem {
  const message = `${host} is allowed by ${formatPath(first)} with ${shown}, and ${differences[mode]}`;
  return { path, message };
}

function listed(protocols: ClientPorts["protocols"]): string {
  return [...protocols]
    .sort(([a], [b]) => a - b)
    .map(([port, protocol]) => `${protocol} ${port}`)
    .join(", ");
}

function tooMany(host: string, { protocols }: ClientPorts): Refusal {
  const all = [...protocols.values()];
  const http = all.filter((protocol) => protocol.startsWith("HTTP")).length;
  return (
    (http > 1 || all.length - http > 1) && {
      ports: `${host} is allowed with ${listed(protocols)}; ${oneOfEach}; keep one of each`,
    }
  );
}

/** A sidecar cannot tell the hosts of a TCP port apart. */
function tcpPorts({ addressAllocation }: PolicyModel) {
  const hostOfPort = new Map<string, string>();
  return ({ workload, settings, mode }: EgressRule): Refusal => {
    if (mode === "waypoint" || settings.protocol !== "TCP") return undefined;
    const isAllocated = mode === "sidecar" && addressAllocation.includes("sidecar");
    const named = isAllocated ? settings.hosts.filter((host) => host.startsWith("*")) : settings.hosts;
    const pairs = named.flatMap((host) => (settings.ports ?? []).map((port) => ({ host, port })));
    const messages = pairs.map(({ host, port }) => {
      const key = `${workload.namespace} ${port}`;
      const taken = hostOfPort.get(key) ?? host;
      hostOfPort.set(key, taken);
      if (taken === host) return undefined;
      return `TCP on port ${port} already goes to ${taken}, and a port can have one host only; use TLS, another port, or in mode sidecar ${allocationRemedy}`;
    });
    return { ports: messages };
  };
}
