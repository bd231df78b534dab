import * as pulumi from "@pulumi/pulumi";

/** Options of a layer: those of a component, and the cluster that its objects are in. */
export interface LayerOptions extends pulumi.ComponentResourceOptions {
  /**
   * The resource that is the cluster, where this program creates it. A destroy of the cluster destroys everything in it, so
   * that it neither waits for those objects nor fails because their API server is gone.
   */
  readonly deletedWith?: pulumi.Resource;
  /** Of each of its resources. */
  readonly hooks?: pulumi.ResourceHookBinding;
}

/** A component whose children are placed in a cluster. Type tokens are `talos-mesh:<layer>:<Class>`. */
export abstract class Layer extends pulumi.ComponentResource {
  protected readonly child: pulumi.CustomResourceOptions;

  protected constructor(type: `talos-mesh:${string}:${string}`, name: string, opts: LayerOptions = {}) {
    const { deletedWith, hooks, ...componentOptions } = opts;
    super(type, name, {}, componentOptions);
    // The SDK does not pass these two on from a component to its children.
    this.child = { parent: this, deletedWith, hooks };
  }

  protected after(...resources: readonly pulumi.Resource[]): pulumi.CustomResourceOptions {
    return { ...this.child, dependsOn: [...resources] };
  }
}
