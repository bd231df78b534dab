import { covers, type MeshWorkload, type PolicyTarget, workloadKey } from "../../model/names";
import type { PolicyModel } from "../../model/policies/policy-model";
import { copyWithField } from "../../shared/unknown";
import { isHttp } from "../../shared/workload";
import { conditionsIn, httpConditions } from "../../../policies/conditions";
import { type Cell, cellOf, effectOf, explainCell, seriesOf, titleOfCell, withoutAddresses } from "../access/cells";
import { type AccessClient, gatewayClients, outside, strangers, workloadClients } from "../access/clients";
import { type AccessDraft, accessDrafts, connectionDraft, isRewritten, isSafe, mayCreate } from "../access/drafts";
import { cellThrough, getsThrough, isCutOff } from "../access/controls";
import { type AccessObject, accessObjects } from "../access/objects";
import type { PlanContext, Probe, Series } from "../probe";
import { waypointProbes } from "../access/waypoints";
import { witnesses } from "../access/witnesses";

/**
 * Who may call what: every client x every service x the requests that its rules distinguish. A probe has the requests that
 * its policy alone decides, so that switching the policy off changes what comes of them, and of none of another probe;
 * a denial that two policies agree on is in the probe of the service.
 */
export function authorization(context: PlanContext): Probe[] {
  const matrix = new Matrix(context);
  return [...matrix.objects.map((object) => matrix.probeOf(object)), ...waypointProbes(context)];
}

/** Above so many, of the clients that no rule names each namespace has one for each service. */
const mostSeries = 1500;

class Matrix {
  readonly objects: readonly AccessObject[];
  private readonly model: PolicyModel;
  private readonly removed: ReadonlyMap<AccessObject, PolicyModel>;
  private readonly byAddress: readonly PolicyModel[];
  /** A mesh that accepts plain text, and in which sidecars know every service. */
  private readonly open: PolicyModel;
  private readonly cells = new Map<AccessObject, Cell[]>();
  private readonly isBrief: boolean;
  /** By port: a request that gets through, or that there is none. */
  private readonly through = new Map<string, Cell | undefined>();
  /** Objects that a request has shown to decide. */
  private readonly shown = new Set<AccessObject>();
  /** Why requests that an object may decide are in no probe. */
  private readonly leftOut = new Map<AccessObject, Set<string>>();

  constructor(private readonly context: PlanContext) {
    const { policies } = context.model;
    this.model = policies;
    this.objects = accessObjects(policies);
    this.removed = new Map(this.objects.map((object) => [object, object.without(policies)]));
    this.byAddress = withoutAddresses(policies);
    this.open = openModel(policies);
    const ruled = policies.workloads.filter((workload) => workload.dataPlane !== "none");
    const all = ruled.flatMap((workload) => this.cellsOf(workload, false));
    this.isBrief = all.length > mostSeries;
    const kept = !this.isBrief ? all : ruled.flatMap((workload) => this.cellsOf(workload, true));
    for (const cell of kept) if (!isCutOff(cell) || this.controlOf(cell)) this.assign(cell);
  }

  probeOf(object: AccessObject): Probe {
    const { model, objects } = this;
    const cells = this.cells.get(object) ?? [];
    const witnessed = object.action === "default" ? witnesses(object, model) : [];
    const series: Series[] = [
      ...unique(cells.map((cell) => seriesOf(cell, objects, model))),
      ...this.controlsOf(cells),
      ...witnessed,
    ];
    const allowed = new Set(cells.filter(isAllowed).map(titleOfCell)).size;
    const named = {
      name: `authorization ${object.title}`,
      kind: "authorization" as const,
      path: object.path,
      objects: object.names,
      expectation: `${allowed} of ${series.filter(({ role }) => role === "effect").length} requests are allowed, the others are denied${this.isBrief ? "; of clients that no rule names, one of each namespace asks" : ""}`,
    };
    if (this.shown.has(object) || witnessed.length > 0) return { ...named, series };
    return { ...named, series: [], notMeasurable: this.reasonFor(object) };
  }

  /** What shows that the server of a request is there which is cut off. */
  private controlOf(cell: Cell): Cell | undefined {
    const { workload, draft } = cell;
    const key = portKey(cell);
    const port = workload.ports.find((one) => one.port === draft.port);
    const found = this.through.has(key) ? this.through.get(key) : port && cellThrough(this.context, workload, port);
    this.through.set(key, found);
    if (!found) {
      this.leaveOut(cell, `no client gets through to port ${draft.port}, so a closed connection does not show why`);
    }
    return found;
  }

  /** Of the ports at which none of these requests gets through. */
  private controlsOf(cells: readonly Cell[]): Series[] {
    const reached = new Set(cells.filter(getsThrough).map(portKey));
    const controls = cells
      .filter((cell) => isCutOff(cell) && !reached.has(portKey(cell)))
      .flatMap((cell) => this.through.get(portKey(cell)) ?? []);
    return unique(controls.map((cell) => ({ ...seriesOf(cell, this.objects, this.model), role: "control" })));
  }

  private reasonFor(object: AccessObject): string {
    const reasons = this.leftOut.get(object);
    return reasons ? [...reasons].join("; ") : "other rules have the same effect, for every request that could be sent";
  }

  /** Requests to a workload: of clients that some request of is allowed each one, of others one for each effect. */
  private cellsOf(workload: MeshWorkload, brief: boolean): Cell[] {
    const gateways = gatewayClients(this.model, workload);
    const targets = this.targetsOf(workload, gateways);
    if (this.objectsFor(workload, targets).length === 0) return [];
    const others = [...workloadClients(this.model), ...strangers(this.model), outside];
    const drafts = accessDrafts(this.context, workload, targets);
    const http = [...others, ...gateways].map((client) => ({
      client,
      cells: drafts.map((draft) => cellOf(this.model, client, workload, draft)).filter((cell) => this.isUsable(cell)),
    }));
    const allowed = new Set(http.flatMap(({ cells }) => cells.filter(isAllowed).map(({ draft }) => draft)));
    const chosen = http.map(({ client, cells }) => {
      const isNamed = cells.some(isAllowed);
      const ordered = isNamed ? cells : [...cells].sort((a, b) => rank(a, allowed) - rank(b, allowed));
      const keyOf = (cell: Cell) => (isNamed ? `${cell.draft.label} ${this.effect(cell)}` : this.effect(cell));
      return { client, isNamed, cells: firstOfEach(ordered, keyOf) };
    });
    const kept = brief
      ? chosen.filter(({ client, isNamed }, at) => isNamed || isFirstOfKind(client, chosen, at))
      : chosen;
    return [...kept.flatMap(({ cells }) => cells), ...this.connections(workload, targets, others)];
  }

  /** To ports whose bytes no proxy reads. */
  private connections(
    workload: MeshWorkload,
    targets: readonly PolicyTarget[],
    clients: readonly AccessClient[],
  ): Cell[] {
    const rules = this.model.accessRules.filter(({ target }) => targets.some((one) => covers(target, one)));
    if (rules.some(({ settings }) => conditionsIn(settings, httpConditions).length > 0)) return [];
    const ports = workload.ports.filter((port) => !isHttp(port));
    return ports.flatMap((port) => {
      const draft = connectionDraft(port);
      const cells = clients.map((client) => ({ ...cellOf(this.model, client, workload, draft), isTcp: true }));
      return cells.filter((cell) => this.isUsable(cell));
    });
  }

  private isUsable(cell: Cell): boolean {
    const { explanation, draft } = cell;
    const { end, outcome, steps } = explanation;
    if (end?.why === "token") return this.leaveOut(cell, `requests need a token: ${tokenReason(this.context)}`);
    if (outcome === "unknown") return this.leaveOut(cell, steps.at(-2)?.what ?? "what decides is not in the settings");
    if (end && !["authorization", "mtls", "bypass", "egress"].includes(end.why)) return false;
    if (!isSafe(draft.method) && (!end || end.why !== "authorization")) {
      return end ? false : this.leaveOut(cell, `${draft.method} is allowed, and is not sent: it may change something`);
    }
    if (mayCreate(draft.method))
      return this.leaveOut(cell, `${draft.method} is not sent: it may create what is not there`);
    if (!isSafe(draft.method) && isRewritten(this.model, cell.workload)) {
      return this.leaveOut(cell, `${draft.method} is not sent: a route may rewrite its path to one that exists`);
    }
    const sees = (model: PolicyModel) => effectOf(explainCell(model, cell), this.objects, model);
    if (new Set(this.byAddress.map(sees)).size > 1) return this.leaveOut(cell, "rules decide by address");
    // What mTLS or a Sidecar refuses, and rules would not, is for their probes.
    if (end?.why !== "mtls" && end?.why !== "egress") return true;
    const { answers, outcome: open } = explainCell(this.open, cell);
    return open === "denied" && answers.length > 0;
  }

  private leaveOut(cell: Cell, reason: string): false {
    // A proxy judges tokens before it reads rules.
    const isHidden = cell.explanation.end?.why === "token";
    const objects = isHidden ? this.objectsOf(cell) : this.decidingOn(cell);
    for (const object of objects) this.leftOut.set(object, new Set([...(this.leftOut.get(object) ?? []), reason]));
    return false;
  }

  private effect({ explanation }: Cell): string {
    const decided = explanation.end ? "" : JSON.stringify(explanation.steps.at(-1)?.path);
    return effectOf(explanation, this.objects, this.model) + decided;
  }

  private assign(cell: Cell): void {
    const own = this.objectsOf(cell);
    const [only, ...others] = this.decidingOn(cell);
    if (others.length > 0) return;
    if (only) this.shown.add(only);
    const allowing = own.filter(({ action }) => action === "ALLOW");
    const ofWorkload = allowing.find(({ title }) => title === workloadKey(cell.workload));
    const object = only ?? ofWorkload ?? allowing[0] ?? own.at(-1);
    if (object) this.cells.set(object, [...(this.cells.get(object) ?? []), cell]);
  }

  /** Objects without which something else would come of it. */
  private decidingOn(cell: Cell): AccessObject[] {
    const effect = effectOf(cell.explanation, this.objects, this.model);
    return this.objectsOf(cell).filter((object) => {
      const model = this.removed.get(object) ?? this.model;
      return effectOf(explainCell(model, cell), this.objects, model) !== effect;
    });
  }

  private objectsOf({ workload }: Cell): AccessObject[] {
    return this.objectsFor(workload, this.targetsOf(workload, gatewayClients(this.model, workload)));
  }

  private targetsOf(workload: MeshWorkload, gateways: readonly AccessClient[]): PolicyTarget[] {
    const { names } = this.model;
    const ofGateways = gateways.flatMap(({ entry }) => {
      const gateway = entry?.exposed?.gateway;
      return gateway ? [names.findTarget(`${gateway.namespace}/${gateway.name}`)] : [];
    });
    return [names.target(workloadKey(workload)), ...ofGateways.flatMap((target) => target ?? [])];
  }

  private objectsFor({ namespace }: MeshWorkload, targets: readonly PolicyTarget[]): AccessObject[] {
    const rules = this.model.accessRules.filter(({ target }) => targets.some((one) => covers(target, one)));
    return this.objects.filter((object) =>
      object.action === "default" ? object.namespace === namespace : rules.some(object.covers),
    );
  }
}

function openModel(model: PolicyModel): PolicyModel {
  const plain = copyWithField(model, "mtls", () => "PERMISSIVE" as const);
  const all = copyWithField(plain, "mtlsExceptions", () => []);
  return copyWithField(
    copyWithField(all, "sidecarScoping", () => undefined),
    "knownHosts",
    () => [],
  );
}

function isAllowed({ explanation }: Cell): boolean {
  return !explanation.end;
}

/** What is allowed for others shows best that the client's identity is the reason. */
function rank({ draft }: Cell, allowed: ReadonlySet<AccessDraft>): number {
  return allowed.has(draft) ? 0 : 1;
}

function firstOfEach<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  return [...new Map([...items].reverse().map((item) => [keyOf(item), item])).values()].reverse();
}

/** One client of each namespace, and every client that is no workload. */
function isFirstOfKind(
  { workload }: AccessClient,
  all: readonly { readonly client: AccessClient; readonly isNamed: boolean }[],
  at: number,
): boolean {
  const kind = (client: AccessClient) => client.workload?.namespace;
  return !workload || all.findIndex(({ client, isNamed }) => !isNamed && kind(client) === workload.namespace) === at;
}

function portKey({ workload, draft: { port } }: Cell): string {
  return `${workloadKey(workload)}:${port}`;
}

/** A title names one series of a probe. */
function unique(series: readonly Series[]): Series[] {
  return firstOfEach(series, ({ title }) => title);
}

function tokenReason({ settings, model }: PlanContext): string {
  const issuers = model.policies.tokenRules.flatMap(({ issuers: all }) => all.map((one) => one.settings.issuer));
  const missing = [...new Set(issuers)].filter((issuer) => !settings.tokens.some((one) => one.issuer === issuer));
  return missing.length > 0
    ? `talos-mesh:verification.tokens has no signingKey of ${missing.join(", ")}`
    : "the ones that can be made are refused";
}
