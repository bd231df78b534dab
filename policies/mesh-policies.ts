import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { KubernetesObject } from "../components/shared/kubernetes/object";
import { Layer, type LayerOptions } from "../components/shared/layer";
import { placingOrder } from "./placing";

export interface MeshPoliciesArgs {
  /**
   * Custom resources to place, as a policy compiler returns them: plain data, because they decide which resources
   * there are. Their CRDs must be there before; say so with `dependsOn`.
   */
  readonly objects: readonly KubernetesObject[];
}

/** Kinds that need nothing but their CRDs, and that must be there before an application can be reached. */
const securityKinds: ReadonlySet<string> = new Set([
  "AuthorizationPolicy",
  "NetworkPolicy",
  "PeerAuthentication",
  "RequestAuthentication",
  "Sidecar",
  "Telemetry",
]);

function isSecurity({ kind }: KubernetesObject): boolean {
  return securityKinds.has(kind);
}

abstract class PolicyLayer extends Layer {
  /** `kind-namespace/name` of every object, known before it is placed: whoever needs it placed depends on this component. */
  readonly names: readonly string[];
  readonly count: number;

  protected constructor(
    type: "MeshSecurity" | "MeshPolicies",
    name: string,
    objects: readonly KubernetesObject[],
    opts?: LayerOptions,
    aliases: pulumi.Alias[] = [],
  ) {
    super(`talos-mesh:policies:${type}`, name, opts);
    this.names = objects.map(policyResourceName);
    this.count = this.names.length;
    let before: readonly pulumi.Resource[] = [];
    for (const group of placingOrder(objects)) {
      const options = { ...this.after(...before), aliases };
      const made = group.map(
        (object) => new kubernetes.apiextensions.CustomResource(policyResourceName(object), { ...object }, options),
      );
      before = [...before, ...made];
    }
    this.registerOutputs({ names: this.names, count: this.count });
  }
}

/**
 * Who may talk to whom, placed before any application: a first deployment is closed from its first pod on. It takes
 * its share of `objects`, as `MeshPolicies` takes the rest.
 */
export class MeshSecurity extends PolicyLayer {
  constructor(name: string, args: MeshPoliciesArgs, opts?: LayerOptions) {
    // They were children of MeshPolicies; without the alias an upgrade would delete them after making them anew.
    const parent = pulumi.createUrn("policies", "talos-mesh:policies:MeshPolicies");
    super("MeshSecurity", name, args.objects.filter(isSecurity), opts, [{ parent }]);
  }
}

/** Routes and traffic policies, placed once there is what they lead to. */
export class MeshPolicies extends PolicyLayer {
  constructor(name: string, args: MeshPoliciesArgs, opts?: LayerOptions) {
    super(
      "MeshPolicies",
      name,
      args.objects.filter((object) => !isSecurity(object)),
      opts,
    );
  }
}

/**
 * Name of an object's resource: `virtualservice-bookinfo/reviews`. It depends on nothing but the object, so a new policy
 * renames no other; the slash keeps `a-b/c` and `a/b-c` apart.
 */
export function policyResourceName({ kind, metadata }: KubernetesObject): string {
  const place = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  return `${kind}-${place}`.toLowerCase();
}
