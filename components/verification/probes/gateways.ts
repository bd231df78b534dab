import { connectionPort, covers, httpPorts, tlsServerOf } from "../../model/gateways";
import { workloadKey } from "../../model/names";
import type { Exposure, MeshService, PolicyModel } from "../../model/policies/policy-model";
import { grouped } from "../../shared/grouped";
import type { SettingPath } from "../../shared/problem";
import type { GatewayWorkload } from "../../shared/workload";
import {
  type Answer,
  answers,
  type Outcome,
  type PlanContext,
  type Probe,
  type ProbeRequest,
  type Series,
} from "../probe";
import { concreteHost, type Entry, gatewayEntries } from "../requests/entries";
import { findRequest, openLimit, takes } from "../requests/find";
import { objectsFor, oneOf, partsOf } from "../requests/outcomes";
import { answersBehind, routeProbe, sent } from "./routes";

/** What clients outside the mesh reach: hosts and paths, and how a gateway speaks TLS. */
export function gateways(context: PlanContext): Probe[] {
  const { policies } = context.model;
  return [
    ...policies.gateways.flatMap((gateway) => {
      const exposed = policies.services.flatMap((service) =>
        service.exposures.filter((one) => one.gateway.name === gateway.name).map((exposure) => ({ service, exposure })),
      );
      if (exposed.length === 0) return [];
      const at: AtGateway = { policies, gateway, exposed };
      return [
        ...hostProbe(context, at),
        ...plainHttpProbe(at),
        ...serverCertificateProbes(at),
        ...clientCertificateProbes(at),
        ...passthroughProbes(at),
        ...connectionProbes(at),
      ];
    }),
    ...gatewayEntries(policies, { everyHost: true }).flatMap((entry) =>
      entry.rules.filter(isMatched).flatMap((rule) => routeProbe(context, entry, rule, "gateways")),
    ),
  ];
}

function isMatched({ rule }: Entry["rules"][number]): boolean {
  return (rule.match ?? rule.redirect ?? rule.directResponse) !== undefined;
}

interface AtGateway {
  readonly policies: PolicyModel;
  readonly gateway: GatewayWorkload;
  readonly exposed: readonly { readonly service: MeshService; readonly exposure: Exposure }[];
}

function about({ policies, gateway: { name } }: AtGateway, what: string, path: SettingPath = ["gateways", name]) {
  const objects = objectsFor(policies, ["gateways", name], ["Gateway"]);
  return { name: `gateways ${name} ${what}`, kind: "gateways" as const, path, objects };
}

/** Each host at each port leads to its service, and another one nowhere. What rules of paths prove is not repeated. */
function hostProbe(context: PlanContext, at: AtGateway): Probe[] {
  const { policies, gateway, exposed } = at;
  const entries = gatewayEntries(policies, { everyHost: true, everyPort: true }).filter(
    (entry) => entry.exposed?.gateway.name === gateway.name,
  );
  const pages = exposed.filter(({ service }) => !policies.names.findWorkload(service.namespace, service.name));
  const others = otherHosts(at);
  const ports = new Set(entries.map(({ port }) => port));
  const saysMore = others.length > 0 || ports.size > 1 || !entries.every(({ rules }) => rules.some(isMatched));
  if (entries.length + pages.length === 0 || (!saysMore && pages.length === 0)) return [];
  const found = entries.map((entry) => hostSeries(context, entry));
  const effects = [
    ...found.flatMap((one) => ("series" in one ? [one.series] : [])),
    ...pages.flatMap(({ service, exposure: { hosts } }) => hosts.map((host) => pageSeries(at, service, host))),
  ];
  const reasons = [...new Set(found.flatMap((one) => ("reason" in one ? [one.reason] : [])))].join("; ");
  const hosts = [...new Set(exposed.flatMap(({ exposure }) => exposure.hosts))].sort().join(", ");
  const missing = effects.length > 0 && reasons !== "" ? ` (not measured: ${reasons})` : "";
  const expectation = `its hosts lead to their services, others nowhere: ${hosts}${missing}`;
  if (effects.length === 0) return [{ ...about(at, "hosts"), expectation, series: [], notMeasurable: reasons }];
  return [{ ...about(at, "hosts"), expectation, series: [...effects, ...others] }];
}

function hostSeries(context: PlanContext, entry: Entry): { readonly series: Series } | { readonly reason: string } {
  let reason = `no request to ${entry.exposed?.host} comes to a service`;
  for (const { rule, path } of entry.rules) {
    for (const match of rule.match ?? [undefined]) {
      const found = findRequest(context, entry, { match, taken: path });
      if ("asked" in found) {
        const taken = entry.rules.find((one) => takes(found.asked.explanation, one.path));
        const series = sent(found.asked, "effect");
        return {
          series: {
            ...series,
            title: `${series.title} at port ${entry.port}`,
            expect: oneOf(partsOf(context.model.policies, taken, found.asked)),
          },
        };
      }
      reason = found.reason;
    }
  }
  return { reason };
}

/** A page of an addon, whose pod has no proxy. */
function pageSeries(at: AtGateway, service: MeshService, host: string): Series {
  const [port] = httpPorts(at.gateway).filter(({ redirects }) => !redirects);
  const outcome: Outcome = { title: service.name, answers: ["application"], workload: workloadKey(service) };
  return series(at, "effect", host, port?.number ?? 80, port?.encrypted === true, outcome);
}

/** Nothing but what a server of the gateway has a host for. */
function otherHosts(at: AtGateway): Series[] {
  const other = "talos-mesh-probe.invalid";
  const isServed = at.exposed.some(({ exposure: { hosts } }) =>
    hosts.some((host) => host === "*" || covers(host, other)),
  );
  if (isServed) return [];
  return httpPorts(at.gateway)
    .filter(({ redirects }) => !redirects)
    .map(({ number, encrypted }) => {
      const answers: Answer[] = encrypted ? ["no route", "reset"] : ["no route"];
      const nowhere: Outcome = { title: "404, or no connection", answers };
      return { ...series(at, "control", other, number, encrypted, nowhere), refutedBy: answersBehind };
    });
}

function series(
  { gateway }: AtGateway,
  role: Series["role"],
  host: string,
  port: number,
  encrypted: boolean,
  outcome: Outcome,
  more: Partial<ProbeRequest> = {},
): Series {
  const to = { kind: "gateway", namespace: gateway.namespace, service: gateway.service, port, host } as const;
  const { clientCertificate } = more;
  const certificate = clientCertificate === undefined ? "" : ` with a certificate that is ${clientCertificate}`;
  return {
    title: `outside GET ${host}/ at port ${port}${certificate}`,
    role,
    client: { kind: "outside" },
    request: { to, ...(encrypted && { scheme: "https" as const }), ...more },
    expect: { kind: "every", outcome },
  };
}

/** Where a gateway has TLS: the port for plain HTTP redirects, or nothing listens on it. */
function plainHttpProbe(at: AtGateway): Probe[] {
  const { tls, ports, name } = at.gateway;
  const [host] = at.exposed.flatMap(({ exposure: { hosts } }) => hosts);
  if (!tls || tls.plainHttp === "served" || host === undefined) return [];
  const redirects = tls.plainHttp === "redirect";
  const outcome: Outcome = redirects
    ? { title: "a redirect to HTTPS", answers: ["rule"], status: [301], headers: { location: true } }
    : { title: "no connection", answers: ["unreachable", "no answer", "reset"] };
  const effect = series(at, "effect", concreteHost(host), ports.http2 ?? 80, false, outcome);
  const path = ["gateways", name, "tls", "plainHttp"];
  // A gateway that is dead has no connection for plain HTTP either.
  const there = answers.filter((answer) => answer !== "unreachable" && answer !== "no answer");
  const encrypted: Outcome = { title: "the gateway is there", answers: there };
  const control = series(at, "control", concreteHost(host), ports.https ?? 443, true, encrypted);
  const all = redirects ? [effect] : [effect, control];
  return [{ ...about(at, "plain HTTP", path), expectation: outcome.title, series: all }];
}

/** Hosts whose TLS the gateway ends itself. */
function endedHosts({ exposed }: AtGateway): string[] {
  const ended = exposed.filter(({ exposure }) => !exposure.tls);
  return [...new Set(ended.flatMap(({ exposure }) => exposure.hosts))];
}

/**
 * What a gateway proves to clients: for the host, valid, and the one of the Secret that the settings name or make. Also where
 * a client without a certificate is refused after that, which only TLS 1.3 does.
 */
function serverCertificateProbes(at: AtGateway): Probe[] {
  const { tls, namespace, name } = at.gateway;
  if (!tls) return [];
  const hosts = endedHosts(at).map((host) => ({ host, server: tlsServerOf(tls, host) }));
  return grouped(hosts, ({ server }) => `${server?.mode} ${server?.credentialNames.join()}`).flatMap(
    ([{ server }, all]): Probe[] => {
      if (!server || server.mode === "PASSTHROUGH") return [];
      const secrets = server.credentialNames.map((secret) => `${namespace}/${secret}`);
      const title = `the certificate of Secret ${secrets.join(" or ")}`;
      const probe = {
        ...about(at, `certificate ${server.credentialNames.join(" or ")}`, ["gateways", name, "tls"]),
        objects: secrets.map((secret) => `Secret ${secret}`),
        expectation: `valid, for ${all.map(({ host }) => host).join(", ")}, and ${title}`,
      };
      const { maxProtocolVersion } = server.protocol ?? {};
      if (server.mode === "MUTUAL" && maxProtocolVersion !== undefined && maxProtocolVersion !== "TLSV1_3") {
        const notMeasurable =
          "before TLS 1.3, a client without a certificate is refused before it has seen the server's";
        return [{ ...probe, series: [], notMeasurable }];
      }
      const ports = httpPorts(at.gateway).filter(({ encrypted }) => encrypted);
      const shown = ports.flatMap(({ number }) =>
        all.map(({ host }) => {
          const certificate = { ...(host !== "*" && { host: concreteHost(host) }), secrets };
          return series(at, "effect", concreteHost(host), number, true, { title, certificate });
        }),
      );
      return [{ ...probe, series: shown }];
    },
  );
}

/** What a client with a certificate of the right authority gets, no probe shows: it has none. */
function clientCertificateProbes(at: AtGateway): Probe[] {
  const { tls, ports, name } = at.gateway;
  return endedHosts(at).flatMap((host): Probe[] => {
    const mode = tls && tlsServerOf(tls, host)?.mode;
    if (mode !== "MUTUAL" && mode !== "OPTIONAL_MUTUAL") return [];
    const refused: Outcome = { title: "no connection", answers: ["reset"] };
    const send = (more?: Partial<ProbeRequest>) =>
      series(at, "effect", concreteHost(host), ports.https ?? 443, true, refused, more);
    return [
      {
        ...about(at, `client certificates ${host}`, ["gateways", name, "tls"]),
        expectation: `${mode === "MUTUAL" ? "no certificate, or one" : "one"} of another authority: no connection`,
        series: [...(mode === "MUTUAL" ? [send()] : []), send({ clientCertificate: "self-signed" })],
      },
    ];
  });
}

/** Connections whose TLS ends at the workload, by the name in the handshake. */
function passthroughProbes(at: AtGateway): Probe[] {
  const port = at.gateway.ports.https ?? 443;
  return at.exposed.flatMap(({ service, exposure: { tls, hosts, path } }): Probe[] => {
    if (!tls) return [];
    const named = new Set(tls.flatMap(({ match }) => match?.flatMap(({ sniHosts = hosts }) => sniHosts) ?? hosts));
    const reached: Outcome = { title: `TLS of ${service.name}`, answers: ["application"] };
    const effects = [...named].map((host) => series(at, "effect", concreteHost(host), port, true, reached));
    const refused: Outcome = { title: "no connection", answers: ["reset"] };
    const isOpen = at.exposed.some(({ exposure }) => exposure.hosts.includes("*"));
    return [
      {
        ...about(at, `passthrough ${[...named].join(", ")}`, [...path, "tls"]),
        expectation: `TLS ends at ${service.name}`,
        series: [
          ...effects,
          ...(isOpen ? [] : [series(at, "control", "talos-mesh-probe.invalid", port, true, refused)]),
        ],
      },
    ];
  });
}

/** A service that says nothing first keeps the connection open; without a route the gateway closes it. */
function connectionProbes(at: AtGateway): Probe[] {
  return at.exposed.flatMap(({ service, exposure: { tcp, path } }) =>
    tcp.flatMap(({ match = [{}] }, index) => {
      const ports = match.flatMap(({ port = connectionPort(at.gateway, "tcp") }) => port ?? []);
      const open: Outcome = { title: `a connection to ${service.name}`, answers: ["application"] };
      return [...new Set(ports)].map((port): Probe => ({
        ...about(at, `port ${port}`, [...path, "tcp", index]),
        expectation: open.title,
        series: [series(at, "effect", at.gateway.service, port, false, open, { scheme: "tcp", ...openLimit(service) })],
      }));
    }),
  );
}
