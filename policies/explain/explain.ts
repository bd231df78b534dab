import { isIP } from "node:net";
import { type MeshWorkload, type Names, workloadKey } from "../../components/model/names";
import { httpPorts } from "../../components/model/gateways";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { ifKnown } from "../../components/shared/unknown";
import type { GatewayWorkload } from "../../components/shared/workload";
import { principal } from "../api-objects";
import { defaultPort } from "./connections";
import { type Entrance, findEntrance } from "./entrances";
import type { Answer, End, Outcome } from "./journey";
import { MeshJourney } from "./mesh-journey";
import { isOutside, outsidePort } from "./outside-hosts";
import { OutsideJourney } from "./outside-journey";
import { type ExplainedRequest, pathAndQuery, type Question, type Step } from "./request";
import type { OwnedRule } from "./rules";

export interface Explanation {
  readonly outcome: Outcome;
  readonly steps: readonly Step[];
  /** Where it does not get through, what the client sees: one of these. */
  readonly answers: readonly Answer[];
  /** What ends it before the application; without it, nothing does, or that is not known. */
  readonly end?: End | undefined;
  /** The rules of routes that apply, in order. */
  readonly applied: readonly OwnedRule[];
}

export type { Question } from "./request";

/** From the settings alone. @throws RangeError where the question names something that does not exist */
export function explain(model: PolicyModel, question: Question): Explanation {
  const { to, address } = question;
  if (address !== undefined && isIP(address) === 0) {
    throw new RangeError(`--address ${address}: expected an IP address such as 10.0.0.7 or 2001:db8::7`);
  }
  const client = clientOf(question, model.names);
  const named = withoutDomain(to);
  const target = ifKnown(() => model.names.reference(named));
  const { gateway } = client;
  const service = target && model.services.find((one) => workloadKey(one) === workloadKey(target));
  const entrance = gateway && findEntrance(service, gateway, { port: question.port, host: hostOf(question) });
  if (!target && !isOutside(named, model)) {
    const known = workloadTitles(model.names);
    throw new RangeError(
      `--to ${to}: no such workload; expected one of: ${known}, or a host outside the mesh such as api.example.com`,
    );
  }
  if (gateway && !entrance) return notExposed(gateway, question);
  const request = requestOf(model, question, client, entrance, target);
  const journey = target
    ? new MeshJourney(model, request, target, service, entrance)
    : new OutsideJourney(model, request, to, client.workload);
  const outcome = journey.outcome();
  const { steps, answers, end, applied } = journey;
  return { outcome, steps, answers, end, applied };
}

function notExposed(gateway: GatewayWorkload, question: Question): Explanation {
  const { to, port } = question;
  const host = hostOf(question);
  const isRead = port === undefined || httpPorts(gateway).some(({ number }) => number === port);
  const asked = [port === undefined ? "" : ` at port ${port}`, host === undefined ? "" : ` for host ${host}`].join("");
  const what = `gateway ${gateway.name} does not expose ${to}${asked}: ${isRead ? "404" : "its connection is closed"}`;
  const path = ["traffic", "services"];
  const answers: Answer[] = [isRead ? 404 : "reset"];
  return {
    outcome: "no route",
    steps: [{ what, path }],
    answers,
    end: { by: "gateway", why: "no route" },
    applied: [],
  };
}

/** What the client calls the server, where the question says so. */
function hostOf({ headers }: Question): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === "host")?.[1];
}

/** A Service of the cluster by its DNS name, as `namespace/name`. */
function withoutDomain(to: string): string {
  return to.replace(/^([^./]+)\.([^./]+)\.svc(\.cluster\.local)?$/, "$2/$1");
}

interface Client {
  readonly workload?: MeshWorkload | undefined;
  readonly gateway?: GatewayWorkload | undefined;
}

/** Neither of both is a pod outside the mesh. */
function clientOf({ from, client }: Question, names: Names): Client {
  if (client ?? from === "outside") return {};
  const [workload, gateway] = [ifKnown(() => names.reference(from)), names.findGateway(from)];
  if (workload ?? gateway) return { workload, gateway };
  const known = [workloadTitles(names), ...names.objects.gateways.map(({ name }) => name)].join(", ");
  throw new RangeError(`--from ${from}: no such workload or gateway; expected one of: ${known}, or outside`);
}

function workloadTitles({ workloads, defaultNamespace }: Names): string {
  const titles = workloads.map(({ namespace, name }) =>
    namespace === defaultNamespace ? name : `${namespace}/${name}`,
  );
  return titles.join(", ");
}

function requestOf(
  model: PolicyModel,
  question: Question,
  { workload, gateway }: Client,
  entrance: Entrance | undefined,
  target: MeshWorkload | undefined,
): ExplainedRequest {
  const sent = new Map(Object.entries(question.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const host = entrance ? entrance.exposure.hosts.find((one) => !one.includes("*")) : (target?.name ?? question.to);
  const forwarded = sent.get("x-forwarded-for")?.split(",").at(-1)?.trim();
  const dataPlane = question.client?.dataPlane ?? workload?.dataPlane;
  const caller = dataPlane === "none" ? undefined : (question.client ?? workload ?? gateway);
  return {
    method: question.method,
    ...pathAndQuery(question.path),
    headers: host === undefined ? sent : new Map([["host", host], ...sent]),
    // Nearly every token has a subject, without which istiod takes a request for one without a token.
    claims: new Map(question.claims ? Object.entries({ sub: "anyone", ...question.claims }) : []),
    address: question.address,
    // A gateway does not believe its clients.
    remoteAddress: (entrance ? undefined : forwarded) ?? question.address,
    caller,
    dataPlane,
    hasInvalidToken: question.hasInvalidToken,
    callerLabels: workload?.labels,
    principal: caller && principal(caller, model.trustDomain),
    port: entrance?.port ?? question.port ?? (target ? defaultPort(target) : outsidePort(model, question.to)),
  };
}
