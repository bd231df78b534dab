import { type MeshWorkload, waypointTitle, workloadKey } from "../../components/model/names";
import { rulesOf } from "../../components/model/policies/gateway-routes";
import {
  type MeshService,
  mtlsModes,
  type PolicyModel,
  type RouteTarget,
} from "../../components/model/policies/policy-model";
import { throwUnknown } from "../../components/shared/unknown";
import { isEncrypted, isHttp } from "../../components/shared/workload";
import { anonymous, connectionRule, connectionTitle, modeWithoutMtls, unknownToClient } from "./connections";
import { connectionRules, type Entrance } from "./entrances";
import { isConnection, Journey, type Outcome } from "./journey";
import type { ExplainedRequest } from "./request";
import { type AnyRule, limitSteps, ofTarget, owned, sharedRoute } from "./rules";

/**
 * To a workload. A client's sidecar and a gateway route a request before the target's sidecar authorizes it; a waypoint
 * authorizes it before it routes it.
 */
export class MeshJourney extends Journey {
  private hasLeftMesh = false;

  constructor(
    model: PolicyModel,
    request: ExplainedRequest,
    /** Where the routes so far send it. */
    private target: MeshWorkload,
    private service: MeshService | undefined,
    /** Where it comes in; without it, the request comes from inside the mesh. */
    private readonly entrance: Entrance | undefined,
  ) {
    super(model, request);
  }

  outcome(): Outcome {
    const routed = this.routeAtClient();
    if (routed || this.hasLeftMesh) return routed ?? "passes";
    if (this.target.dataPlane === "none") return this.withoutProxy();
    this.at = this.target.dataPlane === "ambient" ? "ztunnel" : "server sidecar";
    const refused = this.transport() ?? this.waypoint();
    if (refused) return refused;
    const { service, target } = this;
    const atWaypoint = this.usesWaypoint();
    if (atWaypoint) this.at = "waypoint";
    // ztunnel reads no paths.
    const port = target.ports.find((one) => one.port === this.request.port);
    const readsHttp = (atWaypoint || target.dataPlane === "sidecar") && (!port || isHttp(port));
    if (readsHttp) this.read();
    const denies = this.model.defaultDenyNamespaces.has(target.namespace);
    const policyTarget = this.model.names.target(workloadKey(target));
    this.steps.push(...limitSteps(ofTarget(this.model.rateLimits, policyTarget), policyTarget, this.request));
    const authorizer = {
      target: policyTarget,
      readsHttp,
      closed: denies ? `namespace ${target.namespace} denies by default` : undefined,
    };
    const denied = this.authorize(authorizer, this.request);
    if (denied) return denied;
    const answered = atWaypoint && service ? this.applyMeshRules(service) : undefined;
    // A waypoint has an identity of its own, for which the other service has rules.
    if (this.target !== target) return "unknown";
    return answered ?? (this.isUndecided ? "unknown" : "passes");
  }

  /** At the gateway, or at the client's sidecar. A client without one sends it to the service itself. */
  private routeAtClient(): Outcome | undefined {
    const { entrance, service } = this;
    const { caller } = this.request;
    this.at = entrance ? "gateway" : "client sidecar";
    if (entrance) {
      const outcome = this.authorizeAtGateway(entrance) ?? this.enter(entrance);
      // The workload sees the gateway's address.
      this.request = { ...this.request, address: undefined };
      return outcome;
    }
    if (!caller || this.request.dataPlane !== "sidecar") return undefined;
    const unknown = unknownToClient(this.model, caller, this.target);
    if (!unknown) return this.applyMeshRules(service);
    this.step(unknown.what, unknown.path);
    this.request = anonymous(this.request);
    // On a port that it reads, the proxy answers.
    return unknown.isBlocked ? this.refuse("denied", "egress", 502, "reset") : undefined;
  }

  private enter({ exposure, protocol, port, redirects }: Entrance): Outcome | undefined {
    const { gateway } = exposure;
    if (protocol === "http") {
      if (redirects) {
        this.step(`port ${port} of gateway ${gateway.name} redirects to HTTPS`, ["gateways", gateway.name, "tls"]);
        this.end = { by: this.at, why: "rule" };
        return "answered";
      }
      const route = sharedRoute(this.model, exposure, this.request);
      const rules = rulesOf(route).map(({ rule, path, part }) => {
        return { rule, path, owner: part.service, port: part.exposure.port };
      });
      return this.applyRules(rules, [...route.path, "http"]);
    }
    const found = connectionRule(connectionRules(exposure, protocol), this.request, this.request.headers.get("host"));
    if (!found) {
      this.step("no rule takes its connection: it is closed", [...exposure.path, protocol]);
      return this.refuse("no route", "no route", "reset");
    }
    this.step(connectionTitle(found.rule), [...exposure.path, protocol, found.index]);
    this.follow(found.rule.route, { owner: this.service ?? throwUnknown(), port: exposure.port }, isConnection);
    return undefined;
  }

  /** Only ambient clients go through a waypoint, and gateways where it is for ingress. */
  private usesWaypoint(): boolean {
    const { caller } = this.request;
    const { waypoint } = this.target;
    if (!waypoint || !caller) return false;
    return this.entrance ? waypoint.ingress : this.request.dataPlane === "ambient";
  }

  private applyMeshRules(service: MeshService | undefined): Outcome | undefined {
    const { meshRules = [], meshTcp = [], meshTls = [], meshPath = [], meshPort } = service ?? {};
    const port = this.target.ports.find((one) => one.port === this.request.port);
    if (port && !isHttp(port)) {
      const [list, rules] = isEncrypted(port) ? (["tls", meshTls] as const) : (["tcp", meshTcp] as const);
      return this.applyConnections(rules, [...meshPath.slice(0, -1), list], service ?? this.destination);
    }
    const applies = service && (meshPort === undefined || meshPort === this.request.port);
    return this.applyRules(applies ? owned(meshRules, meshPath, service) : [], meshPath);
  }

  protected get destination(): RouteTarget {
    return { ...this.target, subsets: [] };
  }

  protected redirect(next: RouteTarget): void {
    if (next.host !== undefined) {
      this.step(`it leaves the mesh, to ${next.host}`);
      this.hasLeftMesh = true;
      return;
    }
    this.step(`it does not reach ${this.target.name}; what follows is for ${next.name}`);
    this.target = this.model.names.workload(next.name, next.namespace);
    this.service = this.model.services.find((one) => workloadKey(one) === workloadKey(next));
  }

  /** Nothing that the settings say is enforced there. */
  private withoutProxy(): Outcome {
    const tls = modeWithoutMtls(this.service, this.request);
    const how = tls && tls !== "DISABLE" ? `with TLS (${tls})` : "in plain text";
    this.step(`${this.target.name} has no proxy: it goes ${how}, and nothing authorizes it`);
    return this.isUndecided ? "unknown" : "passes";
  }

  private transport(): Outcome | undefined {
    const mode = mtlsModes(this.model, this.target).at(this.request.port);
    const tls = modeWithoutMtls(this.service, this.request);
    if (tls) this.step(`it goes without mTLS and identity (trafficPolicy.tls ${tls})`, this.service?.paths[0]);
    if (tls) this.request = anonymous(this.request);
    if (this.request.caller) {
      this.step(mode === "DISABLE" ? "it goes in plain text (DISABLE)" : `it goes with mTLS (${mode})`);
      return undefined;
    }
    this.step(mode === "STRICT" ? "it is plain text, which STRICT refuses" : `it is plain text (${mode})`);
    return mode === "STRICT" ? this.refuse("denied", "mtls", "reset") : undefined;
  }

  /** The pods of a workload whose waypoint enforces its rules refuse what bypasses it. */
  private waypoint(): Outcome | undefined {
    const { model, target } = this;
    const { caller } = this.request;
    const only = model.waypointOnly.find((one) => workloadKey(one) === workloadKey(target));
    if (!only || this.usesWaypoint()) return undefined;
    const bypass = `${caller?.name ?? "a pod outside the mesh"} bypasses ${waypointTitle(only.waypoint)}`;
    this.step(`${bypass}, and ${target.name} accepts requests from its waypoint only`, ["mesh", "waypoints"]);
    return this.refuse("denied", "bypass", "reset");
  }

  /** To a gateway, clients outside the mesh have no identity. Without rules it is open. */
  private authorizeAtGateway({ exposure: { gateway }, protocol }: Entrance): "denied" | undefined {
    const { names, accessRules, externalRules, tokenRules } = this.model;
    const target = names.target(workloadKey(gateway));
    this.steps.push(...limitSteps(ofTarget(this.model.rateLimits, target), target, this.request));
    if ([accessRules, externalRules, tokenRules].every((rules) => ofTarget<AnyRule>(rules, target).length === 0))
      return undefined;
    const readsHttp = protocol === "http";
    if (readsHttp) this.read();
    return this.authorize({ target, readsHttp }, anonymous(this.request));
  }
}
