import { type MeshWorkload, workloadKey } from "../../model/names";
import { policyName } from "../../model/object-names";
import { type MtlsException, mtlsModes, type PolicyModel } from "../../model/policies/policy-model";
import { own } from "../../shared/own";
import { rootNamespace } from "../../shared/istio";
import { copyWithField } from "../../shared/unknown";
import { isHttp, type ServicePort } from "../../shared/workload";
import { grouped } from "../../shared/grouped";
import { principal } from "../../../policies/api-objects";
import { type Cell, cellOf, explainCell, hasStatus, seriesOf } from "../access/cells";
import { cellThrough } from "../access/controls";
import { outside, strangers, workloadClients } from "../access/clients";
import { noSuchPath, pathsOfRoutes } from "../access/drafts";
import type { Answer, Outcome, PlanContext, Probe, ProbeClient, Series } from "../probe";

/**
 * Plain text from outside the mesh is refused where mTLS is STRICT, by each port of each service and by its pods, and else
 * accepted. The server's certificate is what its own proxy records.
 */
export function mtls(context: PlanContext): Probe[] {
  const model = context.model.policies;
  const meshed = model.workloads.filter(({ dataPlane }) => dataPlane !== "none");
  const ports = meshed.flatMap((workload) => workload.ports.map((port) => portOf(context, workload, port)));
  const byObject = grouped(ports, ({ object }) => object.name);
  return byObject.map(([{ object }, all]) => probeOf(model, object, all));
}

interface MtlsObject {
  /** `PeerAuthentication shop/default`. */
  readonly name: string;
  readonly title: string;
  readonly exception?: MtlsException;
}

interface MeshPort {
  readonly object: MtlsObject;
  readonly workload: MeshWorkload;
  readonly port: ServicePort;
  readonly mode: "STRICT" | "PERMISSIVE" | "DISABLE";
  /** Why the mode does not show. */
  readonly hidden?: string;
  /** Of one that refuses plain text: what shows that its server is there. */
  readonly control: readonly Series[];
}

/** What a server that takes plain text may answer. */
const accepted: readonly Answer[] = [
  "application",
  "denied",
  "token refused",
  "no route",
  "rule",
  "fault",
  "rate limited",
];

function portOf(context: PlanContext, workload: MeshWorkload, port: ServicePort): MeshPort {
  const model = context.model.policies;
  const object = objectOf(model, workload, port.port);
  const mode = mtlsModes(model, workload).at(port.port);
  const cell = cellFromOutside(model, workload, port);
  const open = explainCell(permissive(model), cell);
  const certificate = certificateOf(model, { workload, port, mode });
  const control = mode === "STRICT" && certificate.length === 0 ? controlOf(context, workload, port) : certificate;
  // A connection that is closed for another reason looks the same.
  const hidden = open.answers.includes("reset")
    ? (open.steps.at(-1)?.what ?? "it is closed")
    : mode === "STRICT" && control.length === 0
      ? "no client of the mesh gets through, so a closed connection does not show why it was closed"
      : undefined;
  return { object, workload, port, mode, control, ...(hidden !== undefined && { hidden }) };
}

/** A client of the mesh, which a server that is dead does not answer either. */
function controlOf(context: PlanContext, workload: MeshWorkload, port: ServicePort): Series[] {
  const cell = cellThrough(context, workload, port);
  if (!cell) return [];
  const series = seriesOf(cell, [], context.model.policies, { title: "it gets through", answers: serverAnswers });
  return [{ ...series, role: "control" }];
}

/** The PeerAuthentication that sets the mode of a port. */
function objectOf({ mtlsExceptions }: PolicyModel, { namespace, name }: MeshWorkload, port: number): MtlsObject {
  const found = mtlsExceptions.filter(({ target }) => target.namespace === namespace);
  const ofWorkload = found.find(({ target }) => target.kind === "workload" && target.name === name);
  const ofNamespace = found.find(({ target }) => target.kind === "namespace");
  const { mode, ports } = ofWorkload?.settings ?? {};
  if (ofWorkload && (mode ?? own(ports ?? {}, String(port)))) {
    const object = `PeerAuthentication ${namespace}/${policyName(name, "mtls")}`;
    return { name: object, title: `${namespace}/${name}`, exception: ofWorkload };
  }
  if (ofNamespace?.settings.mode) {
    return { name: `PeerAuthentication ${namespace}/default`, title: `namespace ${namespace}`, exception: ofNamespace };
  }
  return { name: `PeerAuthentication ${rootNamespace}/default`, title: "the mesh" };
}

function probeOf(model: PolicyModel, { name, title, exception }: MtlsObject, ports: readonly MeshPort[]): Probe {
  const shown = ports.filter(({ hidden }) => hidden === undefined);
  const atWorkloads = shown.flatMap((port) => [...fromOutside(model, port), ...port.control]);
  const planes = [...new Set(ports.map(({ workload }) => workload.dataPlane))];
  const series =
    shown.length > 0 || exception ? atWorkloads : planes.flatMap((dataPlane) => atWitness(model, dataPlane));
  const modes = new Set((shown.length > 0 ? shown : ports).map(({ mode }) => mode));
  const named = {
    name: `mtls ${title}`,
    kind: "mtls" as const,
    path: exception?.path ?? ["mesh", "mtls"],
    objects: [name],
    expectation: [...modes].map(expected).join("; "),
  };
  if (series.length > 0) return { ...named, series };
  const [first, ...others] = new Set(ports.flatMap(({ hidden }) => hidden ?? []));
  const notMeasurable = `${first}${others.length > 0 ? `, and ${others.length} more alike` : ""}: with or without mTLS`;
  return { ...named, series: [], notMeasurable };
}

function expected(mode: MeshPort["mode"]): string {
  return mode === "STRICT" ? "plain text is refused" : `plain text is accepted (${mode})`;
}

/**
 * Where plain text to every workload is cut off for another reason too, a pod of ours shows what the mode of the mesh does: it
 * is in a namespace of ours, where no policy of a workload or of its namespace applies.
 */
function atWitness(model: PolicyModel, dataPlane: MeshWorkload["dataPlane"]): Series[] {
  const stranger = strangers(model).find(({ question }) => question.client?.dataPlane === dataPlane);
  const isRuled = model.accessRules.some(({ target }) => target.kind === "mesh");
  const { namespace } = stranger?.question.client ?? {};
  if (!stranger || namespace === undefined || isRuled) return [];
  const isStrict = model.mtls === "STRICT";
  const answered: Outcome = { title: "it answers", answers: ["application"] };
  const refused: Outcome = { title: "plain text is refused (STRICT)", answers: ["reset"] };
  const series = (title: string, client: ProbeClient, outcome: Outcome) => ({
    title: `${title} to a pod without rules`,
    client,
    request: { to: { kind: "witness", namespace, by: "address" } as const },
    expect: { kind: "every", outcome } as const,
  });
  return [
    {
      ...series(outside.title, outside.client, isStrict ? refused : answered),
      role: "effect",
      refutedBy: isStrict ? accepted : ["reset"],
    },
    // A pod that is dead refuses plain text as well.
    { ...series(stranger.title, stranger.client, answered), role: "control" },
  ];
}

function fromOutside(model: PolicyModel, { workload, port, mode }: MeshPort): Series[] {
  const cell = cellFromOutside(model, workload, port);
  const { namespace, name } = workload;
  if (mode === "STRICT") {
    const outcome: Outcome = { title: "plain text is refused (STRICT)", answers: ["reset"] };
    const series = { ...seriesOf(cell, [], model, outcome), refutedBy: accepted };
    const to = { kind: "pod", namespace, workload: name, port: port.targetPort ?? port.port } as const;
    const atPod = { ...series, title: `${series.title}, at its pod`, request: { ...series.request, to } };
    return [series, atPod];
  }
  const { end } = cell.explanation;
  const outcome: Outcome = {
    title: `plain text is accepted (${mode})`,
    answers:
      end?.why === "authorization" ? ["denied"] : end?.why === "token" ? ["denied", "token refused"] : ["application"],
  };
  return [{ ...seriesOf(cell, [], model, outcome), refutedBy: ["reset"] }];
}

function cellFromOutside(model: PolicyModel, workload: MeshWorkload, port: ServicePort): Cell {
  return portCell(model, outside, workload, port, noSuchPath);
}

function portCell(
  model: PolicyModel,
  client: Cell["client"],
  workload: MeshWorkload,
  port: ServicePort,
  path: string,
): Cell {
  const draft = { label: "any", method: "GET", path, headers: {}, port: port.port };
  return { ...cellOf(model, client, workload, draft), ...(!isHttp(port) && { isTcp: true }) };
}

/** Of a server that is there, or of its sidecar. */
const serverAnswers: readonly Answer[] = ["application", "denied", "token refused", "rate limited"];

/** Seconds for which istiod signs certificates of workloads, by default. */
const lifetime = 86_400;

/** From a client in the mesh: whose certificate the server has. Only a proxy that reads HTTP records it. */
function certificateOf(
  model: PolicyModel,
  { workload, port, mode }: Pick<MeshPort, "workload" | "port" | "mode">,
): Series[] {
  if (!isHttp(port) || workload.dataPlane !== "sidecar" || mode === "DISABLE") return [];
  const clients = [...strangers(model), ...workloadClients(model)].filter(
    ({ workload: one, question }) => (one?.dataPlane ?? question.client?.dataPlane) === "sidecar",
  );
  const paths = pathsOfRoutes(model, workload);
  const cells = clients.flatMap((client) => paths.map((path) => portCell(model, client, workload, port, path)));
  const isAnswered = ({ explanation }: Cell) =>
    !explanation.end || (explanation.end.by === "server sidecar" && hasStatus(explanation));
  const isEncryptedThere = ({ explanation }: Cell) =>
    explanation.steps.some(({ what }) => what.startsWith("it goes with mTLS"));
  const cell = cells.find((one) => isAnswered(one) && isEncryptedThere(one));
  if (!cell) return [];
  const outcome: Outcome = {
    title: `the certificate of ${workloadKey(workload)}`,
    answers: serverAnswers,
    server: `spiffe://${principal(workload, model.trustDomain)}`,
    certificateSeconds: lifetime,
  };
  const series = seriesOf(cell, [], model, outcome);
  return [{ ...series, title: `${series.title}: its certificate` }];
}

function permissive(model: PolicyModel): PolicyModel {
  const open = copyWithField(model, "mtls", () => "PERMISSIVE" as const);
  return copyWithField(open, "mtlsExceptions", () => []);
}
