import * as pulumi from "@pulumi/pulumi";

/** Options of a layer: those of a component, and the cluster its objects live and die with. */
export interface LayerOptions extends pulumi.ComponentResourceOptions {
  /**
   * The resource that is the cluster, where this program made it. When the cluster goes, everything inside has gone
   * with it, so a destroy neither waits for those objects nor stumbles over an API server that is no longer there.
   */
  readonly deletedWith?: pulumi.Resource;
}

/** A component whose children are placed in a cluster. Type tokens are `talos-mesh:<layer>:<Class>`. */
export abstract class Layer extends pulumi.ComponentResource {
  /** Options every child is made with. */
  protected readonly child: pulumi.CustomResourceOptions;

  protected constructor(type: `talos-mesh:${string}:${string}`, name: string, opts: LayerOptions = {}) {
    const { deletedWith, ...componentOptions } = opts;
    super(type, name, {}, componentOptions);
    // The SDK does not hand `deletedWith` down from a component to its children.
    this.child = { parent: this, deletedWith };
  }

  /** The child options, waiting for `resources` as well. */
  protected after(...resources: readonly pulumi.Resource[]): pulumi.CustomResourceOptions {
    return { ...this.child, dependsOn: [...resources] };
  }
}
