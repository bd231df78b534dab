import { type MeshWorkload, workloadKey } from "../../model/names";
import { type AccessRule, clusterHost, type PolicyModel } from "../../model/policies/policy-model";
import { formatPath } from "../../shared/problem";
import { copyWithField } from "../../shared/unknown";
import { type Explanation, explain } from "../../../policies/explain/explain";
import type { conditions } from "../../../policies/conditions";
import type { Answer, Outcome, ProbeRequest, Series } from "../probe";
import { hasConnectionLimit, openLimit } from "../requests/find";
import { enoughFor } from "../requests/outcomes";
import { type AccessClient, targetFor } from "./clients";
import type { AccessDraft } from "./drafts";
import type { AccessObject } from "./objects";

/** One client, one request, and what the settings say of it. */
export interface Cell {
  readonly client: AccessClient;
  readonly workload: MeshWorkload;
  readonly draft: AccessDraft;
  readonly explanation: Explanation;
  /** A port whose bytes no proxy reads. */
  readonly isTcp?: boolean;
}

export function cellOf(model: PolicyModel, client: AccessClient, workload: MeshWorkload, draft: AccessDraft): Cell {
  return { client, workload, draft, explanation: explainCell(model, { client, workload, draft }) };
}

export function explainCell(
  model: PolicyModel,
  { client, workload, draft }: Pick<Cell, "client" | "workload" | "draft">,
): Explanation {
  const { method, path, headers, claims, port } = draft;
  const { exposed, port: gatewayPort } = client.entry ?? {};
  return explain(model, {
    ...client.question,
    to: workloadKey(workload),
    method,
    path,
    headers: exposed ? { ...headers, host: exposed.host } : { host: hostOf(workload, port), ...headers },
    port: gatewayPort ?? port,
    ...(claims && { claims }),
  });
}

/** As clients of probes call a service. */
function hostOf(workload: MeshWorkload, port: number): string {
  return port === 80 ? clusterHost(workload) : `${clusterHost(workload)}:${port}`;
}

/** What a client and the records of proxies show of it: cells that differ in it can be distinguished. */
export function effectOf(explanation: Explanation, objects: readonly AccessObject[], model: PolicyModel): string {
  const { outcome, answers, end } = explanation;
  return JSON.stringify([outcome, answers, end, policyOf(explanation, objects, model)]);
}

/** Whether a proxy answers it, and does not just close the connection. */
export function hasStatus({ answers }: Explanation): boolean {
  return answers.some((answer) => answer !== "reset");
}

/** The policy that denies it, as proxies that read HTTP record it. */
export function policyOf(
  { end, answers, steps }: Explanation,
  objects: readonly AccessObject[],
  { accessRules }: PolicyModel,
): string | undefined {
  if (end?.why !== "authorization" || !answers.includes(403)) return undefined;
  const decided = steps.at(-1)?.path;
  const rule = decided && accessRules.find(({ path }) => formatPath(path) === formatPath(decided));
  if (rule?.action !== "DENY") return "none";
  return objects.find((one) => one.covers(rule))?.name.replace(/^\w+ /, "");
}

/** Rules about addresses: which ones proxies see depends on the network. */
export function withoutAddresses(model: PolicyModel): readonly PolicyModel[] {
  const byAddress = (
    ["ipBlocks", "remoteIpBlocks", "destinationIps", "sni"] as const satisfies (keyof typeof conditions)[]
  ).flatMap((name) => [name, `not${name[0]?.toUpperCase()}${name.slice(1)}`]);
  const has = (settings: object) => Object.keys(settings).some((name) => byAddress.includes(name));
  const { accessRules } = model;
  if (!accessRules.some(({ settings }) => has(settings))) return [];
  const withoutThem = ({ settings, ...rule }: AccessRule): AccessRule => {
    const others = Object.entries(settings).filter(([name]) => !byAddress.includes(name));
    return { ...rule, settings: Object.fromEntries(others) as typeof settings };
  };
  const met = accessRules.map(withoutThem);
  const never = (rule: AccessRule): AccessRule => ({ ...rule, settings: { ...rule.settings, ports: [] } });
  const unmet = accessRules.map((rule) => (has(rule.settings) ? never(withoutThem(rule)) : rule));
  return [met, unmet].map((rules) => copyWithField(model, "accessRules", () => rules));
}

/** With the outcome that the settings say, or with another. */
export function seriesOf(
  cell: Cell,
  objects: readonly AccessObject[],
  model: PolicyModel,
  outcome = outcomeOf(cell, objects, model),
): Series {
  const { client, workload, draft, isTcp } = cell;
  const { method, path, headers, token, port } = draft;
  const encrypted = client.entry?.exposed?.port.encrypted === true;
  const service = model.services.find((one) => workloadKey(one) === workloadKey(workload));
  const scheme = isTcp ? ("tcp" as const) : encrypted ? ("https" as const) : undefined;
  const request: ProbeRequest = {
    to: targetFor(client, workload, port),
    ...(scheme && { scheme }),
    ...(isTcp && service && openLimit(service)),
    ...(!isTcp && {
      ...(method !== "GET" && { method }),
      path,
      ...(Object.keys(headers).length > 0 && { headers }),
      ...(token && { token }),
    }),
  };
  const aborts = cell.explanation.applied.map(({ rule }) => (rule.fault?.abort?.percentage ?? 0) / 100);
  const aborted = 1 - aborts.reduce((left, share) => left * (1 - share), 1);
  const others: readonly Answer[] = aborted > 0 ? ["fault"] : [];
  return {
    title: titleOfCell(cell),
    role: "effect",
    client: client.client,
    request,
    expect: { kind: "every", outcome: { ...outcome, answers: [...(outcome.answers ?? []), ...others] } },
    ...(aborted > 0 && { count: enoughFor(aborted) }),
    ...(service && hasConnectionLimit(service) && { concurrency: 1 }),
  };
}

/** What must be seen of a request; a proxy that reads no HTTP closes the connection. */
function outcomeOf(
  { explanation, isTcp, client }: Cell,
  objects: readonly AccessObject[],
  model: PolicyModel,
): Outcome {
  const { end, answers, applied, steps } = explanation;
  if (!end) {
    const late = applied.some(({ rule }) => rule.timeout !== undefined);
    return { title: "allowed", answers: ["application", ...(late && !isTcp ? (["timeout"] as const) : [])] };
  }
  if (end.why === "mtls") return { title: "refused: plain text, and no rule allows it", answers: ["reset", "denied"] };
  const why = steps.at(-1)?.what ?? "denied";
  // Without its Sidecar, the client would get a 403.
  if (end.why === "egress") return { title: `${why}, and no rule allows it`, answers: ["blocked", "reset", "denied"] };
  if (end.why === "no route") return { title: why, answers: ["no route"], status: [404] };
  if (end.why === "rule") return { title: why, answers: ["rule"] };
  if (answers.includes(403)) {
    const policy = policyOf(explanation, objects, model);
    return { title: why, answers: ["denied"], status: [403], ...(policy !== undefined && { policy }) };
  }
  // A sidecar or a gateway answers its own client 503 where ztunnel does not take the connection.
  const { client: stranger, from } = client.question;
  const plane = client.workload?.dataPlane ?? stranger?.dataPlane;
  const isProxied = plane === "sidecar" || (plane === undefined && from !== "outside");
  return { title: why, answers: ["denied", "reset", ...(isProxied && !isTcp ? (["unreachable"] as const) : [])] };
}

export function titleOfCell({ client, workload, draft, isTcp }: Cell): string {
  const { method, path, headers, claims, port } = draft;
  const extra = [
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(claims ? [`a token of ${claims.iss}`] : []),
  ];
  const conditionsOf = extra.length > 0 ? ` (${extra.join(", ")})` : "";
  const several = workload.ports.length > 1 ? `:${port}` : "";
  const to = `${workload.namespace}/${workload.name}${several}`;
  return isTcp ? `${client.title} to ${to}` : `${client.title} ${method} ${path}${conditionsOf} to ${to}`;
}
