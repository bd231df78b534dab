import type { Model } from "../../components/model/model";
import { type MeshWorkload, workloadKey } from "../../components/model/names";
import { gatewayRoutes } from "../../components/model/policies/gateway-routes";
import { mtlsModes } from "../../components/model/policies/policy-model";
import { verification } from "../../components/settings/sections/verification";
import { isWithin, type SettingPath } from "../../components/shared/problem";
import { describeSeries } from "../../components/verification/evaluation/descriptions";
import type { ProbeKind } from "../../components/verification/probe";
import { authorization } from "../../components/verification/probes/authorization";
import { matchTitle } from "../../components/verification/probes/routes";
import {
  type AccessMatrix,
  accessMatrix,
  type AskedRequest,
  worstKnown,
} from "../../components/verification/report/access";
import { type EntryRule, gatewayEntries, meshEntries } from "../../components/verification/requests/entries";
import { destinationsOf, percent } from "../../components/verification/requests/outcomes";
import type { VerificationResult, Verdict } from "../../components/verification/result";

/** What a stack's settings say of traffic, as a picture shows it. Pure data, from the model alone. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly rules: readonly GraphRule[];
  /** Empty where no rule restricts access. */
  readonly access: AccessMatrix<AskedRequest>;
}

export interface GraphNode {
  readonly id: string;
  readonly kind: "client" | "gateway" | "service" | "version" | "external";
  readonly title: string;
  readonly lines: readonly string[];
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: "exposed" | "call" | "route" | "mirror" | "egress";
  readonly lines: readonly string[];
  /** Of the last verification. @default it was not verified */
  readonly verdict?: Verdict | undefined;
}

/** A rule for HTTP requests, as a row of a table. */
export interface GraphRule {
  readonly title: string;
  readonly path: SettingPath;
  readonly match: string;
  readonly action: string;
  readonly verdict: Verdict | undefined;
}

/** @param result of the last verification of the stack; probes that the settings no longer have are left out */
export function graphOf(model: Model, result?: Pick<VerificationResult, "probes">): Graph {
  return new GraphBuilder(model, result?.probes ?? []).build();
}

const outside = "outside";

class GraphBuilder {
  private readonly nodes = new Map<string, GraphNode>();
  private readonly edges = new Map<string, GraphEdge>();

  constructor(
    private readonly model: Model,
    private readonly probes: VerificationResult["probes"],
  ) {}

  build(): Graph {
    for (const workload of this.model.policies.workloads) this.addService(workload);
    this.addExposures();
    const rules = this.addRules();
    const access = this.addCalls();
    this.addEgress();
    return { nodes: [...this.nodes.values()], edges: [...this.edges.values()], rules, access };
  }

  private addService(workload: MeshWorkload): void {
    const { policies } = this.model;
    const { dataPlane, waypoint, namespace, name } = workload;
    const plane = dataPlane === "none" ? "outside the mesh" : waypoint ? `${dataPlane}, waypoint` : dataPlane;
    const mtls = dataPlane === "none" ? [] : [`mTLS ${mtlsModes(policies, workload).atServicePort}`];
    this.addNode({
      id: workloadKey(workload),
      kind: "service",
      title: name,
      lines: [namespace, [plane, ...mtls].join(", ")],
    });
  }

  private addExposures(): void {
    for (const { gateway, hosts, parts } of gatewayRoutes(this.model.policies.services)) {
      const id = `gateway ${gateway.name}`;
      this.addNode({ id: outside, kind: "client", title: "clients outside", lines: [] });
      this.addNode({ id, kind: "gateway", title: gateway.name, lines: [`gateway in ${gateway.namespace}`] });
      const verdict = this.verdictOf(
        ["gateways"],
        parts.map(({ exposure }) => exposure.path),
      );
      this.addEdge({ from: outside, to: id, kind: "exposed", lines: hosts, verdict });
      for (const { service, exposure } of parts) {
        const to = this.addTarget(service);
        const lines = exposure.tls ? ["TLS passes through"] : [];
        this.addEdge({ from: id, to, kind: "exposed", lines, verdict: this.verdictOf(["gateways"], [exposure.path]) });
      }
    }
  }

  private addRules(): GraphRule[] {
    const { policies } = this.model;
    const entries = [...meshEntries(policies), ...gatewayEntries(policies)];
    return entries.flatMap((entry) =>
      entry.rules.map((taken, index) => {
        const kinds = ["routes", "weights", "gateways", "faults", "timeouts", "mirrors", "headers"] as const;
        const verdict = this.verdictOf(kinds, [taken.path]);
        if (!entry.exposed) this.addDestinations(taken, verdict);
        return {
          title: `${entry.title} ${index + 1}`,
          path: taken.path,
          match: matchTitle(taken.rule),
          action: this.actionOf(taken),
          verdict,
        };
      }),
    );
  }

  private addDestinations(taken: EntryRule, verdict: Verdict | undefined): void {
    const { rule, service } = taken;
    if (rule.redirect || rule.directResponse) return;
    const from = workloadKey(service);
    const condition = rule.match ? [`if ${matchTitle(rule)}`] : [];
    for (const { target, subset, share } of destinationsOf(this.model.policies, taken)) {
      const to = this.addTarget(target, subset?.name);
      if (to !== from)
        this.addEdge({ from, to, kind: "route", lines: [[percent(share), ...condition].join(" ")], verdict });
    }
    for (const { host = service.name, namespace = service.namespace, subset, percentage } of mirrorsOf(rule)) {
      const to = this.addTarget({ name: host, namespace }, subset);
      this.addEdge({ from, to, kind: "mirror", lines: [`copy of ${percentage}%`], verdict });
    }
  }

  /** What a rule does, in one sentence. */
  private actionOf(taken: EntryRule): string {
    const { rule, service } = taken;
    const { redirect, directResponse, fault = {}, timeout, retries, rewrite, headers } = rule;
    const own = redirect || directResponse;
    const targets = own ? [] : destinationsOf(this.model.policies, taken);
    const names = targets.map(({ target, subset, share }) => {
      const name = [target.name === service.name ? "" : (target.host ?? target.name), subset?.name ?? ""]
        .join(" ")
        .trim();
      return `${targets.length > 1 ? `${percent(share)} ` : ""}${name || service.name}`;
    });
    return [
      ...(redirect ? ["redirect"] : []),
      ...(directResponse ? [`answer ${directResponse.status}`] : []),
      ...(own ? [] : [`to ${names.join(", ")}`]),
      ...(fault.delay ? [`${fault.delay.percentage}% delayed by ${fault.delay.fixedDelay}`] : []),
      ...(fault.abort
        ? [`${fault.abort.percentage}% answered ${fault.abort.httpStatus ?? fault.abort.grpcStatus}`]
        : []),
      ...(timeout === undefined ? [] : [`timeout ${timeout}`]),
      ...(retries ? [`${retries.attempts} retries`] : []),
      ...mirrorsOf(rule).map(
        ({ host = service.name, subset = "", percentage }) => `copy of ${percentage}% to ${host} ${subset}`,
      ),
      ...(rewrite ? ["rewritten"] : []),
      ...(headers ? ["headers changed"] : []),
    ].join("; ");
  }

  /** An arrow for each client that gets through to a service that refuses others. */
  private addCalls(): AccessMatrix<AskedRequest> {
    const { settings } = this.model;
    const planned = authorization({ model: this.model, settings: settings.verification ?? verification.parse({}) });
    const asked = planned.flatMap(({ name, series }) => {
      const measured = this.probes.find((probe) => probe.name === name)?.series ?? [];
      // A pod of verification's own is no service of the stack.
      const ofServices = series.filter(({ request }) => request.to.kind !== "witness");
      return ofServices.map((one): AskedRequest => {
        return { ...describeSeries(one), verdict: measured.find(({ title }) => title === one.title)?.verdict };
      });
    });
    const matrix = accessMatrix(asked);
    for (const client of matrix.clients) {
      for (const server of matrix.servers) {
        const to = server.replace(/:\d+$/, "");
        const cell = matrix.cell(client, server);
        if (!cell || cell.expected === "denied" || !this.nodes.has(client) || !this.nodes.has(to) || client === to)
          continue;
        const through = cell.series.filter(({ expectedAnswers }) => expectedAnswers.includes("application"));
        const lines = [...new Set(through.map(({ request }) => request))];
        this.addEdge({ from: client, to, kind: "call", lines, verdict: cell.verdict });
      }
    }
    return matrix;
  }

  private addEgress(): void {
    const { egress } = this.model.policies;
    const measured = this.probes.filter(({ kind }) => kind === "egress").flatMap(({ series }) => series);
    const via = egress?.gateway ? [`by gateway ${egress.gateway.name}`] : [];
    for (const { workload, settings, path } of egress?.rules ?? []) {
      for (const host of settings.hosts) {
        this.addNode({ id: `host ${host}`, kind: "external", title: host, lines: ["outside the mesh"] });
        const own = measured.filter(({ from, to }) => from === workloadKey(workload) && to.startsWith(`${host}:`));
        const verdict = worstKnown(own) ?? this.verdictOf(["egress"], [path]);
        const lines = [...(settings.ports ?? []).map((port) => `port ${port}`), ...via];
        this.addEdge({ from: workloadKey(workload), to: `host ${host}`, kind: "egress", lines, verdict });
      }
    }
  }

  /** Adds what routes lead to, where it is no service of the stack, and returns its id. */
  private addTarget(
    target: { readonly name: string; readonly namespace: string; readonly host?: string },
    subset?: string,
  ): string {
    const host = target.host;
    const id = host === undefined ? workloadKey(target) : `host ${host}`;
    if (!this.nodes.has(id)) {
      const lines = host === undefined ? [target.namespace] : ["outside the mesh"];
      this.addNode({ id, kind: host === undefined ? "service" : "external", title: host ?? target.name, lines });
    }
    if (subset === undefined) return id;
    const version = `${id} ${subset}`;
    this.addNode({ id: version, kind: "version", title: subset, lines: [] });
    return version;
  }

  private addNode(node: GraphNode): void {
    if (!this.nodes.has(node.id)) this.nodes.set(node.id, node);
  }

  /** Several of one kind between the same nodes are one arrow. */
  private addEdge(edge: GraphEdge): void {
    const key = JSON.stringify([edge.from, edge.to, edge.kind]);
    const { lines = [], verdict } = this.edges.get(key) ?? {};
    const all = [...new Set([...lines, ...edge.lines])];
    this.edges.set(key, { ...edge, lines: all, verdict: worstKnown([{ verdict }, edge]) });
  }

  /** Of the probes of these kinds that prove a setting, or one within it. */
  private verdictOf(kinds: readonly ProbeKind[], settings: readonly SettingPath[]): Verdict | undefined {
    const proves = (path: SettingPath) => settings.some((start) => isWithin(path, start));
    return worstKnown(this.probes.filter(({ kind, path }) => kinds.includes(kind) && proves(path)));
  }
}

function mirrorsOf({ mirror, mirrors = [] }: EntryRule["rule"]) {
  return [...(mirror ? [mirror] : []), ...mirrors];
}
