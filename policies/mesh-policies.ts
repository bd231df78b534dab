import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { KubernetesObject } from "../components/shared/kubernetes-object";
import { Layer, type LayerOptions } from "../components/shared/layer";

export interface MeshPoliciesArgs {
  /**
   * Custom resources to place, as a policy compiler returns them: plain data, because they decide which resources
   * there are. Their CRDs must be there before; say so with `dependsOn`.
   */
  readonly objects: readonly KubernetesObject[];
}

/** Places the objects of a policy compiler, one resource each, on the provider it inherits. */
export class MeshPolicies extends Layer {
  /** `kind-namespace/name` of every object, known before it is placed: whoever needs it placed depends on this component. */
  readonly names: readonly string[];
  readonly count: number;

  constructor(name: string, args: MeshPoliciesArgs, opts?: LayerOptions) {
    super("talos-mesh:policies:MeshPolicies", name, opts);

    this.names = args.objects.map(policyResourceName);
    this.count = this.names.length;
    const place = (object: KubernetesObject, opts: pulumi.CustomResourceOptions) =>
      new kubernetes.apiextensions.CustomResource(policyResourceName(object), { ...object }, opts);
    const routes = args.objects.filter(({ kind }) => kind === "VirtualService");
    const others = args.objects
      .filter(({ kind }) => kind !== "VirtualService")
      .map((object) => place(object, this.child));
    // A route to a subset that is not there yet answers 503.
    for (const route of routes) place(route, this.after(...others));
    this.registerOutputs({ names: this.names, count: this.count });
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
