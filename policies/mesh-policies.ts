import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { covers } from "../components/model/gateways";
import type { KubernetesObject } from "../components/shared/kubernetes/object";
import { Layer, type LayerOptions } from "../components/shared/layer";
import { egressOnly } from "./network-policies";

export interface MeshPoliciesArgs {
  /**
   * Objects of all policies, as `compilePolicies` returns them: plain data, as they decide which resources exist. Their
   * CRDs have to exist before; use `dependsOn`.
   */
  readonly objects: readonly KubernetesObject[];
}

/** Kinds that must be in place before an application starts. */
const securityKinds: ReadonlySet<string> = new Set([
  "AuthorizationPolicy",
  "NetworkPolicy",
  "PeerAuthentication",
  "ProxyConfig",
  "RequestAuthentication",
  "Role",
  "RoleBinding",
  "Sidecar",
  "Telemetry",
]);

abstract class PolicyLayer extends Layer {
  /** `kind-namespace/name` of every object. */
  readonly names: readonly string[];
  readonly count: number;

  protected constructor(
    type: "MeshSecurity" | "MeshPolicies",
    name: string,
    objects: readonly KubernetesObject[],
    opts?: LayerOptions,
    formerParent?: pulumi.Input<pulumi.URN>,
  ) {
    super(`talos-mesh:policies:${type}`, name, opts);
    this.names = objects.map(policyResourceName);
    this.count = this.names.length;
    let earlier: readonly pulumi.Resource[] = [];
    for (const group of applyOrder(objects)) {
      const options = this.after(...earlier);
      const applied = group.map((object) => {
        const aliases = formerUrns(object, formerParent);
        return new kubernetes.apiextensions.CustomResource(
          policyResourceName(object),
          { ...object },
          { ...options, aliases },
        );
      });
      earlier = [...earlier, ...applied];
    }
    this.registerOutputs({ names: this.names, count: this.count });
  }
}

/** What controls access, applied before any application, so that a first deployment is never open. */
export class MeshSecurity extends PolicyLayer {
  constructor(name: string, args: MeshPoliciesArgs, opts?: LayerOptions) {
    // Its children were children of MeshPolicies; without the alias an upgrade would delete them.
    const formerParent = pulumi.createUrn("policies", "talos-mesh:policies:MeshPolicies");
    super(
      "MeshSecurity",
      name,
      args.objects.filter(({ kind }) => securityKinds.has(kind)),
      opts,
      formerParent,
    );
  }
}

/** Routes and traffic policies, applied after the applications that they lead to. */
export class MeshPolicies extends PolicyLayer {
  constructor(name: string, args: MeshPoliciesArgs, opts?: LayerOptions) {
    const objects = args.objects.filter(({ kind }) => !securityKinds.has(kind));
    super("MeshPolicies", name, objects, opts);
  }
}

/**
 * Name of an object's resource: `virtualservice-bookinfo/reviews`. It depends on the object only, so that a new policy
 * renames no other; the slash keeps `a-b/c` and `a/b-c` apart.
 */
export function policyResourceName({ kind, metadata }: Pick<KubernetesObject, "kind" | "metadata">): string {
  const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  return `${kind}-${name}`.toLowerCase();
}

/**
 * URNs that earlier releases gave the resource of an object.
 *
 * The NetworkPolicy for egress had another name. With the alias the engine replaces it; without, it would delete one
 * resource and create another, in an order that nothing guarantees. The provider reports a changed `metadata.name` as a
 * replacement, and deletes before it creates only if the name stays the same: so the new NetworkPolicy is created first,
 * and egress is restricted throughout. Source: pulumi/pulumi-kubernetes, provider/pkg/provider/provider.go, Diff.
 */
function formerUrns(object: KubernetesObject, formerParent?: pulumi.Input<pulumi.URN>): pulumi.Alias[] {
  const ofParent = (alias: pulumi.Alias) => (formerParent === undefined ? [] : [{ ...alias, parent: formerParent }]);
  const { kind, metadata } = object;
  if (kind !== "NetworkPolicy" || metadata.name !== egressOnly.name) return ofParent({});
  const formerName = { name: policyResourceName({ kind, metadata: { ...metadata, name: egressOnly.formerName } }) };
  return [...ofParent({}), formerName, ...ofParent(formerName)];
}

/**
 * Objects in the order in which they are applied, those of a group at the same time; they are deleted in the opposite
 * order.
 *
 * 1. What routes refer to: subsets, gateways, TLS origination.
 * 2. Routes of external hosts, to which no request goes yet.
 * 3. External hosts: as soon as a ServiceEntry exists, proxies send requests to its host, and without the routes they
 *    would bypass the egress gateway and TLS origination.
 * 4. All other routes, because a route to a subset or host that does not exist answers 503.
 */
export function applyOrder(objects: readonly KubernetesObject[]): KubernetesObject[][] {
  const externalHosts = objects.filter(({ kind }) => kind === "ServiceEntry").flatMap(hostsOf);
  const position = (object: KubernetesObject): number => {
    if (object.kind === "ServiceEntry") return 2;
    if (!routeKinds.has(object.kind)) return 0;
    return hostsOf(object).some((host) => externalHosts.some((external) => isUnder(host, external))) ? 1 : 3;
  };
  const groups = [0, 1, 2, 3].map((group) => objects.filter((object) => position(object) === group));
  return groups.filter((group) => group.length > 0);
}

const routeKinds: ReadonlySet<string> = new Set(["VirtualService", "HTTPRoute", "TLSRoute", "TCPRoute"]);

function hostsOf({ spec }: KubernetesObject): readonly string[] {
  const { hosts, hostnames } = (spec ?? {}) as Record<"hosts" | "hostnames", readonly string[] | undefined>;
  return hosts ?? hostnames ?? [];
}

function isUnder(host: string, external: string): boolean {
  return host === external || covers(external, host);
}
