import type { MeshWorkload } from "../../model/names";
import { policyName } from "../../model/object-names";
import { allServices } from "../../model/policies/egress";
import type { ExternalPort, ExternalService } from "../../model/policies/external-services";
import { knownHostsOf } from "../../model/policies/known-hosts";
import type { PolicyModel } from "../../model/policies/policy-model";
import { grouped } from "../../shared/grouped";
import { formatPath, type SettingPath } from "../../shared/problem";
import { isEncrypted, isHttp } from "../../shared/workload";
import { type Explanation, explain } from "../../../policies/explain/explain";
import { findHost, knownToSidecar, knownToZtunnel } from "../../../policies/explain/outside-hosts";
import { egressOnlyName } from "../../../policies/network-policies";
import { outside, workloadClients } from "../access/clients";
import type { Answer, Outcome, PlanContext, Probe, ProbeRequest, Series } from "../probe";
import { titleOf } from "../requests/entries";
import { objectsFor } from "../requests/outcomes";

/**
 * Which hosts outside the mesh each workload reaches: every workload x every host that the settings name, a host that they do
 * not name, and an address. Requests are HEAD /. What a workload is refused is in the probe of the workload, where its own
 * proxy refuses it; what it may reach, and what the waypoint or gateway of a host refuses, in that of the host: so the object
 * of one is not that of the other.
 */
export function egress({ model: { policies: model } }: PlanContext): Probe[] {
  const all = allCells(model);
  const cells = all.filter(isTold);
  const refused = cells.filter(isRefusedAtClient);
  // Where no client is refused anything, hosts are reached without a policy.
  if (cells.every(({ explanation }) => !explanation.end)) return untold(model, all);
  const atHosts = cells.filter((cell) => cell.host.service && !isRefusedAtClient(cell));
  return [
    ...grouped(refused, ({ workload }) => ownerOf(model, workload).title).map(([{ workload }, all]) =>
      fromProbe(model, ownerOf(model, workload), all),
    ),
    ...grouped(atHosts, ({ host, workload }) => serviceKey(model, host, workload)).map(([first, all]) =>
      toProbe(model, serviceFor(model, first.host, first.workload), all),
    ),
    ...untold(model, all),
    ...gatewayPolicy(model),
  ];
}

interface OutsideHost {
  readonly name: string;
  readonly port: number;
  readonly scheme: "http" | "https" | "tcp";
  /** Without it, the settings do not name the host. */
  readonly service?: ExternalService;
}

interface EgressCell {
  readonly workload: MeshWorkload;
  readonly host: OutsideHost;
  readonly explanation: Explanation;
}

/** Of TEST-NET-1 (RFC 5737): nothing answers there. */
const nowhere = "192.0.2.1";

const unknownHosts: readonly OutsideHost[] = ["talos-mesh-probe.test", nowhere].flatMap((name) => [
  { name, port: 80, scheme: "http" as const },
  { name, port: 443, scheme: "https" as const },
]);

function hostsOf(model: PolicyModel): OutsideHost[] {
  const named = allServices(model).flatMap((service) =>
    // A name under a wildcard that exists is not known.
    service.hosts
      .filter((host) => !host.includes("*"))
      .flatMap((name) => service.ports.map((port) => ({ name, port: port.number, scheme: schemeOf(port), service }))),
  );
  return [...grouped(named, hostTitle).map(([first]) => first), ...unknownHosts];
}

function schemeOf(port: ExternalPort): OutsideHost["scheme"] {
  return isHttp(port) ? "http" : isEncrypted(port) ? "https" : "tcp";
}

function allCells(model: PolicyModel): EgressCell[] {
  const hosts = hostsOf(model);
  return workloadClients(model).flatMap(({ workload, question }) =>
    hosts.flatMap((host): EgressCell[] => {
      if (!workload) return [];
      const request = { method: "HEAD", path: "/", headers: {}, port: host.port };
      const explanation = explain(model, { ...question, ...request, to: host.name });
      return [{ workload, host, explanation }];
    }),
  );
}

function isTold({ explanation: { outcome, end, answers, applied }, host }: EgressCell): boolean {
  const isElsewhere = applied.some(({ rule }) => rule.route ?? rule.redirect ?? rule.directResponse);
  return outcome !== "unknown" && !isElsewhere && (!end || answers.length > 0) && Boolean(host.service ?? end);
}

/** NetworkPolicies that the cluster's CNI may ignore. */
function untold(model: PolicyModel, cells: readonly EgressCell[]): Probe[] {
  const { egress: rules, networkPolicies } = model;
  if (!rules || networkPolicies === "enforced") return [];
  const ambient = cells.filter(({ workload }) => workload.dataPlane === "ambient");
  const why =
    networkPolicies === "ignored"
      ? "the cluster's CNI ignores NetworkPolicy"
      : "whether the cluster's CNI enforces NetworkPolicy is not known";
  return grouped(ambient, ({ workload }) => ownerOf(model, workload).title).map(([{ workload }]) => {
    const { title, path, objects } = ownerOf(model, workload);
    const expectation = "requests to other hosts than the allowed ones are refused";
    return { name: `egress from ${title}`, kind: "egress", path, objects, expectation, series: [], notMeasurable: why };
  });
}

/** What authorizes clients at the egress gateway. */
function gatewayPolicy({ egress: rules }: PolicyModel): Probe[] {
  const { gateway } = rules ?? {};
  if (!gateway) return [];
  return [
    {
      name: `egress at gateway ${gateway.name}`,
      kind: "egress",
      path: ["security", "egress", "mode"],
      objects: [`AuthorizationPolicy ${gateway.namespace}/${policyName(gateway.name, "ways-out")}`],
      expectation: "it takes requests for a host from the workloads that may reach it",
      series: [],
      notMeasurable: "the sidecars of other workloads refuse their requests before they come to it",
    },
  ];
}

function isRefusedAtClient({ explanation: { end } }: EgressCell): boolean {
  return end?.by === "client sidecar" || end?.by === "ztunnel" || end?.by === "network";
}

/** The ServiceEntry by which a workload reaches a host. */
function serviceFor(model: PolicyModel, host: OutsideHost, workload: MeshWorkload): ExternalService | undefined {
  const known = workload.dataPlane === "sidecar" ? knownToSidecar(model, workload) : knownToZtunnel(model);
  return findHost(known, host.name, workload.namespace)?.service ?? host.service;
}

function serviceKey(model: PolicyModel, host: OutsideHost, workload: MeshWorkload): string {
  const service = serviceFor(model, host, workload);
  return `${service?.namespace}/${service?.name}`;
}

interface Owner {
  readonly title: string;
  readonly path: SettingPath;
  readonly objects: readonly string[];
}

/** What refuses a workload the hosts that it may not reach. */
function ownerOf(model: PolicyModel, workload: MeshWorkload): Owner {
  const { namespace, name, dataPlane } = workload;
  const security = ["security", "egress"];
  if (model.egress && dataPlane === "ambient") {
    const object = `NetworkPolicy ${namespace}/${egressOnlyName(workload)}`;
    return { title: object.split(" ")[1] ?? object, path: security, objects: [object] };
  }
  if (model.egress) {
    const object = `Sidecar ${namespace}/${policyName(name, "scope")}`;
    return { title: titleOf(workload, undefined), path: security, objects: [object] };
  }
  const byHand = knownHostsOf(model.knownHosts, workload);
  if (byHand?.settings.outboundTrafficPolicy) {
    return {
      title: formatPath(byHand.path).replace("talos-mesh:", ""),
      path: byHand.path,
      objects: objectsFor(model, byHand.path, ["Sidecar"]),
    };
  }
  return { title: "the mesh", path: ["mesh", "outboundTrafficPolicy"], objects: [] };
}

/** Its own Sidecar shows where without it the workload would reach a host that others may. */
function showsOwner(model: PolicyModel, cells: readonly EgressCell[]): boolean {
  if (model.outboundTrafficPolicy === "ALLOW_ANY") return true;
  return cells.some(({ host, workload }) => {
    const sameNamespace = allServices(model).filter(({ exportTo, namespace }) => {
      const all = exportTo ?? ["*"];
      return (
        all.includes("*") || all.includes(workload.namespace) || (all.includes(".") && namespace === workload.namespace)
      );
    });
    return sameNamespace.some(({ hosts }) => hosts.includes(host.name));
  });
}

function fromProbe(model: PolicyModel, { title, path, objects }: Owner, cells: readonly EgressCell[]): Probe {
  return {
    name: `egress from ${title}`,
    kind: "egress",
    path,
    objects: showsOwner(model, cells) || objects[0]?.startsWith("Network") ? objects : [],
    expectation: `${counted(cells.length, "request")} to other hosts than the allowed ones are refused`,
    series: [
      ...cells.map((cell) => seriesOf(model, cell)),
      ...controls(cells.filter(({ explanation }) => explanation.end?.by === "network")),
    ],
  };
}

function toProbe(model: PolicyModel, service: ExternalService | undefined, cells: readonly EgressCell[]): Probe {
  const { namespace, name, path, gateway } = service ?? {};
  const from: SettingPath = path ?? ["security", "egress"];
  const kinds = ["ServiceEntry", "AuthorizationPolicy", ...(gateway ? ["Gateway"] : [])];
  const refused = cells.filter(({ explanation }) => explanation.end);
  const allowed = cells.filter(({ explanation }) => !explanation.end);
  return {
    name: `egress to ${namespace}/${name}`,
    kind: "egress",
    path: from,
    objects: objectsFor(model, from, kinds),
    expectation: `${counted(allowed.length, "request")} reach it${refused.length > 0 ? `, ${refused.length} are refused` : ""}`,
    series: [...cells.map((cell) => seriesOf(model, cell)), ...controls(allowed)],
  };
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** That a host answers at all: a client outside the mesh reaches it. */
function controls(cells: readonly EgressCell[]): Series[] {
  const hosts = grouped(
    cells.map(({ host }) => host),
    hostTitle,
  ).map(([first]) => first);
  return hosts
    .filter(({ service }) => service)
    .map((host) => ({
      title: controlTitle(host),
      role: "control",
      client: outside.client,
      request: requestFor(host, undefined),
      expect: { kind: "every", outcome: { title: `${host.name} answers`, answers: ["application"] } },
    }));
}

function controlTitle(host: OutsideHost): string {
  return `outside to ${hostTitle(host)}`;
}

function seriesOf(model: PolicyModel, { workload, host, explanation }: EgressCell): Series {
  const atOnce = explanation.end?.by === "client sidecar";
  return {
    title: `${titleOf(workload, model.names.defaultNamespace)} to ${hostTitle(host)}`,
    role: "effect",
    client: { kind: "workload", namespace: workload.namespace, name: workload.name },
    // Its own sidecar refuses it by its name, and needs no address of it.
    request: {
      ...requestFor(host, atOnce || !host.service ? nowhere : undefined),
      // Before a proxy that sends it on gives up to connect.
      ...(atOnce && host.scheme !== "http" && { timeoutSeconds: 5 }),
    },
    expect: { kind: "every", outcome: outcomeOf(host, explanation) },
    // A proxy that refuses it does so at once: if it is sent on, nothing answers at that address.
    ...(host.service && (!explanation.end || explanation.end.by === "network") && { needs: controlTitle(host) }),
    ...(atOnce && { refutedBy: ["no answer", "unreachable"] as const }),
  };
}

function requestFor({ name: host, port, scheme }: OutsideHost, address: string | undefined): ProbeRequest {
  return {
    to: { kind: "external", host, port, ...(address !== undefined && address !== host && { address }) },
    scheme,
    ...(scheme !== "tcp" && { method: "HEAD", path: "/" }),
  };
}

function outcomeOf(host: OutsideHost, { end, answers, steps }: Explanation): Outcome {
  if (!end) return { title: `it reaches ${host.name}`, answers: ["application"], sentTo: host.name };
  const title = steps.at(-1)?.what ?? "it is refused";
  if (answers.includes("reset")) {
    const late: readonly Answer[] = end.by === "network" ? ["no answer", "unreachable"] : [];
    return { title, answers: ["blocked", "reset", "denied", ...late] };
  }
  if (answers.includes(502)) return { title, answers: ["blocked"], status: [502] };
  return { title, answers: ["denied"], status: [403], policy: "none" };
}

function hostTitle({ name, port }: OutsideHost): string {
  return `${name}:${port}`;
}
