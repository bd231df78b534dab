import { type MeshWorkload, waypointTitle, workloadKey } from "../../components/model/names";
import { policyName } from "../../components/model/object-names";
import { entrancesOf } from "../../components/model/policies/egress-entrances";
import type { ExternalPort, ExternalService } from "../../components/model/policies/external-services";
import { knownHostsOf } from "../../components/model/policies/known-hosts";
import { externalTarget } from "../../components/model/policies/route-targets";
import type { PolicyModel, RouteTarget } from "../../components/model/policies/policy-model";
import { type GatewayWorkload, isEncrypted, isHttp, type WaypointWorkload } from "../../components/shared/workload";
import { throwUnknown } from "../../components/shared/unknown";
import { sniOf } from "../istio-api/egress-gateway";
import { egressOnlyName } from "../network-policies";
import { type Answer, Journey, type Outcome } from "./journey";
import { findHost, isWritten, type KnownHost, knownToSidecar, knownToZtunnel } from "./outside-hosts";
import type { ExplainedRequest } from "./request";
import { limitSteps, ofTarget, owned } from "./rules";

/**
 * To a host outside the mesh. A sidecar connects to what it knows, or to its egress gateway; ztunnel sends what it knows to
 * the waypoint of the host, and what it does not know passes.
 */
export class OutsideJourney extends Journey {
  private described?: RouteTarget;
  private goesElsewhere = false;

  constructor(
    model: PolicyModel,
    request: ExplainedRequest,
    private readonly host: string,
    /** Without it, the client is outside the mesh. */
    private readonly client: MeshWorkload | undefined,
  ) {
    super(model, request);
  }

  outcome(): Outcome {
    const { client, host } = this;
    if (client?.dataPlane === "sidecar") return this.fromSidecar(client);
    if (client?.dataPlane === "ambient") return this.fromZtunnel(client);
    this.step(`${client?.name ?? "a pod outside the mesh"} has no proxy that would hinder it: it goes to ${host}`);
    return "passes";
  }

  protected get destination(): RouteTarget {
    return this.described ?? throwUnknown();
  }

  protected redirect(next: RouteTarget): void {
    this.step(`it does not go to ${this.host}, but to ${next.host ?? next.name}`);
    // Whether a workload takes it is another question.
    this.isUndecided ||= next.host === undefined;
    this.goesElsewhere = true;
  }

  private fromSidecar(client: MeshWorkload): Outcome {
    const known = knownToSidecar(this.model, client);
    const found = findHost(known, this.host);
    const port = found && this.portOf(found);
    if (!found || !port) return this.unknownToSidecar(client, known);
    this.describe(found);
    const { gateway } = found.service;
    return (gateway && this.atGateway(found, port, gateway, client)) ?? this.leave(found, port);
  }

  private portOf({ service }: KnownHost): ExternalPort | undefined {
    return service.ports.find(({ number }) => number === this.request.port);
  }

  private describe({ service: { namespace, name, path }, rule }: KnownHost): void {
    const opened = rule ? ", which an egress rule opens for it" : "";
    this.step(`ServiceEntry ${namespace}/${name} describes it${opened}`, rule?.path ?? path);
  }

  private unknownToSidecar(client: MeshWorkload, known: readonly KnownHost[]): Outcome {
    const { host, model } = this;
    const { port } = this.request;
    const isTaken = (one: ExternalPort) => one.number === port && !isHttp(one) && !isEncrypted(one);
    const taking = known.find(({ service }) => !service.settings.addresses && service.ports.some(isTaken));
    if (taking) {
      const { service, name } = taking;
      const kept = service.resolution === "NONE";
      const where = kept ? `the address that the client connects to, whichever it is` : name;
      this.step(`a connection to port ${port} carries no host name: it goes to ${where}`, service.path);
      return kept ? "passes" : this.refuse("no route", "egress");
    }
    const { egress } = model;
    const byHand = knownHostsOf(model.knownHosts, client);
    const others = byHand?.others ?? model.outboundTrafficPolicy;
    const sidecar = `Sidecar ${client.namespace}/${policyName(client.name, "scope")}`;
    const [reason, path] = egress
      ? [`${sidecar} has no port ${port} of ${host}`, ["security", "egress", "allow"]]
      : [
          `no ServiceEntry for ${client.name} has port ${port} of ${host}`,
          byHand?.path ?? ["mesh", "outboundTrafficPolicy"],
        ];
    if (!egress && others === "ALLOW_ANY") {
      this.step(`${reason}, and outboundTrafficPolicy is ALLOW_ANY: it goes to ${host}`, path);
      return "passes";
    }
    const answers = this.answersOfSidecar(known);
    this.step(
      `${reason}${egress ? "" : ", and outboundTrafficPolicy is REGISTRY_ONLY"}: ${answerTitle(answers)}`,
      path,
    );
    return this.refuse("denied", "egress", ...answers);
  }

  /** Where a sidecar reads the requests of a port, it answers those for hosts that it does not know. */
  private answersOfSidecar(known: readonly KnownHost[]): Answer[] {
    const { workloads, gateways, sidecarScoping } = this.model;
    const { port } = this.request;
    const elsewhere = findHost(knownToZtunnel(this.model), this.host);
    const described = elsewhere && this.portOf(elsewhere);
    if (described ? !isHttp(described) : port === 443) return ["reset"];
    const isRead = known.some(({ service }) => service.ports.some((one) => one.number === port && isHttp(one)));
    const inMesh =
      workloads.some(({ ports }) => ports.some((one) => one.port === port && isHttp(one))) ||
      gateways.some(({ ports }) => ports.http2 === port);
    // Others than the settings name may have the port too.
    return isRead || (inMesh && !sidecarScoping) ? [502] : [502, "reset"];
  }

  /** Which authorizes it by the client's certificate, then applies the rules of the service. */
  private atGateway(
    { service, name }: KnownHost,
    port: ExternalPort,
    gateway: GatewayWorkload,
    client: MeshWorkload,
  ): Outcome | undefined {
    const { egress, names, rateLimits } = this.model;
    const host = service.hosts.includes(name) ? name : (service.hosts[0] ?? name);
    const entrance = entrancesOf({ ...service, gateway }, host).find((one) => one.port.number === port.number);
    this.step(`its sidecar sends it to gateway ${gateway.name} with mTLS`, ["gateways", gateway.name]);
    this.request = { ...this.request, port: entrance?.number ?? port.number, sni: sniOf(host) };
    this.at = "gateway";
    const readsHttp = isHttp(port);
    if (readsHttp) this.read();
    const target = names.target(workloadKey(gateway));
    this.steps.push(...limitSteps(ofTarget(rateLimits, target), target, this.request));
    const rule = egress?.rules.find((one) => isSameIdentity(one.workload, client) && one.settings.hosts.includes(host));
    const object = `AuthorizationPolicy ${gateway.namespace}/${policyName(gateway.name, "ways-out")}`;
    const ofEgress = egress?.gateway?.name === gateway.name ? { object, allowedBy: rule?.path } : undefined;
    return this.authorize({ target, readsHttp, egress: ofEgress }, this.request);
  }

  private leave({ service, name }: KnownHost, port: ExternalPort): Outcome {
    const { path, settings } = service;
    this.described = externalTarget(service, name);
    if (settings.http.length > 0 && isHttp(port)) {
      this.request = { ...this.request, port: port.number };
      const routed = this.applyRules(owned(settings.http, [...path, "http"], this.described), [...path, "http"]);
      if (routed) return routed;
    }
    if (!this.goesElsewhere) {
      const level = settings.trafficPolicy?.portLevelSettings?.find((one) => one.port.number === port.number);
      const mode = (level ?? settings.trafficPolicy)?.tls?.mode;
      this.step(`it leaves the mesh, to ${this.host}${mode ? ` (TLS: ${mode})` : ""}`, path);
    }
    return this.isUndecided ? "unknown" : "passes";
  }

  private fromZtunnel(client: MeshWorkload): Outcome {
    this.at = "ztunnel";
    const found = findHost(knownToZtunnel(this.model), this.host, client.namespace);
    // Without an address of its own, ztunnel does not recognize its connections.
    if (!found || (found.service.resolution === "NONE" && !found.service.settings.addresses)) {
      return this.passOn(client);
    }
    const { service } = found;
    const port = this.portOf(found);
    if (!port) {
      this.step(`ztunnel knows no port ${this.request.port} of ${this.host}: its connection is closed`, service.path);
      return this.refuse("denied", "egress", "reset");
    }
    this.describe(found);
    if (!service.waypoint) return this.passOn(client);
    return this.atWaypoint(service, port, service.waypoint, client) ?? this.leave(found, port);
  }

  /** NetworkPolicy restricts where a workload connects to that does not go through a waypoint. */
  private passOn(client: MeshWorkload): Outcome {
    const { egress, networkPolicies, outboundTrafficPolicy } = this.model;
    const policy = `NetworkPolicy ${client.namespace}/${egressOnlyName(client)}`;
    const path = ["security", "egress"];
    if (egress && networkPolicies === "enforced") {
      this.step(`${policy} does not let ztunnel connect to it: its connection is closed`, path);
      this.at = "network";
      return this.refuse("denied", "egress", "reset");
    }
    if (egress && networkPolicies === "unknown") {
      this.step(`${policy} stops it where the cluster's CNI enforces NetworkPolicy: its connection is closed`, path);
      this.isUndecided = true;
    }
    if (egress && networkPolicies === "ignored")
      this.step(`${policy} would stop it, and the cluster's CNI ignores it`, path);
    const ignored = outboundTrafficPolicy === "REGISTRY_ONLY" ? ", whatever mesh.outboundTrafficPolicy" : "";
    this.step(`ztunnel passes it on to ${this.host}${ignored}`);
    return this.isUndecided ? "unknown" : "passes";
  }

  private atWaypoint(
    service: ExternalService,
    port: ExternalPort,
    waypoint: WaypointWorkload,
    client: MeshWorkload,
  ): Outcome | undefined {
    const { egress, names, defaultDenyNamespaces } = this.model;
    this.step(`ztunnel sends it to ${waypointTitle(waypoint)}`, ["mesh", "waypoints"]);
    this.at = "waypoint";
    const readsHttp = isHttp(port);
    if (readsHttp) this.read();
    const isDenying = defaultDenyNamespaces.has(waypoint.namespace);
    const rule = egress?.rules.find(
      ({ workload, settings: { hosts, ports } }) =>
        isSameIdentity(workload, client) &&
        hosts.some((host) => service.hosts.includes(host)) &&
        (ports?.includes(port.number) ?? true),
    );
    // Without egress rules, the host is open to all, also where the waypoint denies by default.
    const allowedBy = egress ? rule?.path : service.path;
    const object = `AuthorizationPolicy ${service.namespace}/${policyName(service.name, "way-out")}`;
    const hasPolicy = !isWritten(service) && (egress !== undefined || isDenying);
    const authorizer = {
      target: names.namespaceTarget(waypoint.namespace),
      readsHttp,
      closed: isDenying ? `namespace ${waypoint.namespace} denies by default` : undefined,
      egress: hasPolicy ? { object, allowedBy } : undefined,
    };
    return this.authorize(authorizer, this.request);
  }
}

function answerTitle(answers: readonly Answer[]): string {
  return answers.map((answer) => (answer === "reset" ? "its connection is closed" : String(answer))).join(", or ");
}

function isSameIdentity(one: MeshWorkload, other: MeshWorkload): boolean {
  return one.namespace === other.namespace && one.serviceAccount === other.serviceAccount;
}
