import { httpPorts } from "../../model/gateways";
import type { GatewayWorkload } from "../../shared/workload";
import { isHttp, onlyPort } from "../../shared/workload";
import { ifKnown } from "../../shared/unknown";
import type { VerificationSettings } from "../../settings/sections/verification";
import type { Outcome, PlanContext, Probe, ProbeClient, ProbeRequest, ProbeTarget } from "../probe";
import { concreteHost } from "../requests/entries";

type OwnRequest = VerificationSettings["requests"][number];

/** The requests that the settings declare. */
export function requests(context: PlanContext): Probe[] {
  return context.settings.requests.map((own, index) => {
    const { name, from, to, method, path, headers, status, version } = own;
    const target = targetOf(context, own);
    const client = target && clientOf(context, own);
    const outcome: Outcome = {
      title: [
        `${status?.join(" or ") ?? "an answer of the application"}`,
        ...(version === undefined ? [] : [version]),
      ].join(" by "),
      ...(status ? { status } : { answers: ["application"] }),
      ...(version !== undefined && { version }),
    };
    const about = {
      name: `requests ${name}`,
      kind: "requests" as const,
      path: ["verification", "requests", index],
      expectation: `${from} ${method} ${to}${path}: ${outcome.title}`,
    };
    if (!target || !client) {
      const missing = target ? `from: ${from}` : `to: ${to}`;
      return {
        ...about,
        series: [],
        notMeasurable: `${missing} is neither a workload nor a gateway that serves hosts`,
      };
    }
    const request: ProbeRequest = {
      ...target,
      ...(method !== "GET" && { method }),
      path,
      ...(Object.keys(headers).length > 0 && { headers }),
    };
    const title = `${from} ${method} ${path}`;
    return { ...about, series: [{ title, role: "effect", client, request, expect: { kind: "every", outcome } }] };
  });
}

function clientOf({ model: { names } }: PlanContext, { from, to }: OwnRequest): ProbeClient | undefined {
  if (from === "outside") return { kind: "outside" };
  const workload = ifKnown(() => names.reference(from));
  if (workload) return { kind: "workload", namespace: workload.namespace, name: workload.name };
  if (from !== "stranger") return undefined;
  const dataPlane = ifKnown(() => names.reference(to))?.dataPlane;
  return { kind: "stranger", dataPlane: dataPlane === "ambient" ? "ambient" : "sidecar" };
}

function targetOf(
  context: PlanContext,
  { to, port, host }: OwnRequest,
): { to: ProbeTarget; scheme?: "https" } | undefined {
  const { names } = context.model;
  const workload = ifKnown(() => names.reference(to));
  if (workload) {
    const { namespace, name, ports } = workload;
    const number = port ?? onlyPort(ports, isHttp) ?? ports.find(isHttp)?.port ?? ports[0]?.port ?? 80;
    return { to: { kind: "service", namespace, name, port: number } };
  }
  const gateway = names.findGateway(to.split("/").at(-1) ?? to);
  return gateway && gatewayTarget(context, gateway, port, host);
}

function gatewayTarget(
  { model: { policies } }: PlanContext,
  gateway: GatewayWorkload,
  port: number | undefined,
  host: string | undefined,
): { to: ProbeTarget; scheme?: "https" } | undefined {
  const exposures = policies.services.flatMap(({ exposures: all }) => all);
  const hosts = exposures.filter((one) => one.gateway.name === gateway.name).flatMap((one) => one.hosts);
  const named = host ?? (hosts[0] === undefined ? undefined : concreteHost(hosts[0]));
  if (named === undefined) return undefined;
  const ports = httpPorts(gateway);
  const served = ports.find(({ number, redirects }) => (port === undefined ? !redirects : number === port));
  const { namespace, service } = gateway;
  const number = port ?? served?.number ?? 80;
  const to = { kind: "gateway", namespace, service, port: number, host: named } as const;
  return { to, ...(served?.encrypted && { scheme: "https" as const }) };
}
