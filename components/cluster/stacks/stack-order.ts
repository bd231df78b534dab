import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { stackMarkerName } from "../../model/object-names";
import { Layer, type LayerOptions } from "../../shared/layer";
import { lifecycleCommand } from "../../shared/lifecycle-command";
import type { Cluster } from "../cluster";
import {
  contextVariable,
  type Marker,
  markerLabel,
  markerNamespace,
  type OrderRequest,
  requestVariable,
} from "./marker";

/**
 * Of a stack on the cluster of another one: a ConfigMap that says so. Everything of the stack depends on it, so that it is
 * created first and deleted last.
 */
export class StackMarker extends Layer {
  constructor(name: string, { cluster }: { readonly cluster: string }, opts?: LayerOptions) {
    super("talos-mesh:cluster:StackMarker", name, opts);
    const data: Marker = { stack: thisStack(), cluster };
    const labels = { [markerLabel]: "true" };
    const metadata = { name: stackMarkerName(data.stack), namespace: markerNamespace, labels };
    new kubernetes.core.v1.ConfigMap(`${name}-marker`, { metadata, data: { ...data } }, this.child);
    this.registerOutputs();
  }
}

/**
 * Of a stack that other stacks may be on: a step that fails a destroy while a marker of one is in the cluster. It depends on
 * everything of the stack, so that it comes before every deletion.
 */
export class DestroyOrder extends Layer {
  constructor(name: string, cluster: Pick<Cluster, "kubeconfig" | "kubeContext">, opts?: LayerOptions) {
    super("talos-mesh:cluster:DestroyOrder", name, opts);
    const request: OrderRequest = { stack: thisStack() };
    lifecycleCommand(
      `${name}-check`,
      {
        apply: "true",
        // `exec`, so that stopping the command stops the step.
        delete: "exec node components/cluster/stacks/run.cjs check",
        environment: {
          [requestVariable]: JSON.stringify(request),
          ...(cluster.kubeContext !== undefined && { [contextVariable]: cluster.kubeContext }),
        },
        stdin: pulumi.secret(cluster.kubeconfig),
      },
      this.child,
    );
    this.registerOutputs();
  }
}

function thisStack(): string {
  return `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
}
