import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import { Layer, type LayerOptions } from "../shared/layer";

interface CustomResourceDefinition {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: kubernetes.types.input.apiextensions.v1.CustomResourceDefinitionSpec;
}

/**
 * The Gateway API's CRDs, standard channel, at the pinned version. They come with the project, so that a preview
 * needs no network and an air-gapped site no mirror. Istio reads them when it starts: they go in before istiod.
 */
export class GatewayApi extends Layer {
  constructor(name: string, opts?: LayerOptions) {
    super("talos-mesh:platform:GatewayApi", name, opts);
    for (const { metadata, spec } of definitions()) {
      const kind = metadata.name.slice(0, metadata.name.indexOf("."));
      new kubernetes.apiextensions.v1.CustomResourceDefinition(`${name}-${kind}`, { metadata, spec }, this.child);
    }
    this.registerOutputs();
  }
}

function definitions(): readonly CustomResourceDefinition[] {
  const folder = path.join(__dirname, "crds");
  return readdirSync(folder)
    .filter((file) => file.startsWith("gateway.networking.k8s.io_") && file.endsWith(".json"))
    .sort()
    .map((file) => JSON.parse(readFileSync(path.join(folder, file), "utf8")) as CustomResourceDefinition);
}
