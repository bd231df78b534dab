import { layerNames, type LayerName } from "../cluster/kinds/shared-cluster";
import { compareMinor } from "../settings/versions";
import { gatewayApiVersion } from "../model/control-planes";
import { ownedLayers, sharedClusterIn, stackReferenceOf } from "../model/layers";
import type { Model } from "../model/model";
import type { Settings } from "../settings/schema";
import { listOf } from "../settings/wording";
import { asTree } from "../shared/merge";
import { own } from "../shared/own";
import { type Problem, problemsOf, type Refusal } from "../shared/problem";
import { type Check, type CheckContext, unique } from "./check";

/** Sections that a stack of any layer may have. */
const shared: ReadonlySet<keyof Settings> = new Set(["environment", "cluster", "layers", "mesh", "images", "charts"]);

export const layerChecks: readonly Check[] = [
  unique("layers.*", "layer"),
  ({ settings }) => problemsOf({ layers: predecessorRefusal(settings) }, []),
  ({ settings }) => problemsOf({ layers: overlapRefusal(settings) }, []),
  unusedSections,
  ({ settings }) => problemsOf(crdRefusal(settings), ["mesh"]),
];

/** Each layer needs the one before it: in this stack, in the other one, or, of the cluster, as an existing one. */
function predecessorRefusal(settings: Settings): Refusal {
  const { cluster } = settings;
  const owned = ownedLayers(settings);
  const reference = stackReferenceOf(cluster);
  if (!owned.has("cluster") && cluster.kind !== "existing")
    return `found ${listOf([...owned])} with cluster.kind ${cluster.kind}, which this stack would create; add cluster, or set kind: existing`;
  return layerNames.slice(1).map((layer, index) => {
    const before = layerNames[index] ?? layer;
    if (!owned.has(layer) || owned.has(before)) return false;
    if (reference === undefined)
      return (
        before !== "cluster" &&
        `found ${layer} without ${before}, which is in no stack; add ${before}, or name its stack in cluster.stackReference`
      );
    const below = sharedClusterIn(cluster)?.layers;
    if (below === undefined || below.includes(before)) return false;
    return `found ${layer} without ${before}, which the stack ${reference} does not have either (it has ${listOf(below)}); add ${before} to one of the two`;
  });
}

/** Two stacks must not deploy the same. */
function overlapRefusal({ cluster, layers }: Settings): Refusal {
  const reference = stackReferenceOf(cluster);
  if (reference === undefined) return false;
  if (layers?.includes("cluster")) return `found cluster, which belongs to the stack ${reference}; remove it`;
  const below = sharedClusterIn(cluster)?.layers;
  const twice = [...ownedLayers({ cluster, layers })].filter((layer) => below?.includes(layer));
  const rest = layerNames.filter((layer) => !below?.includes(layer));
  return (
    twice.length > 0 &&
    `found ${listOf(twice)}, which the stack ${reference} deploys already; expected ${rest.length > 0 ? `[${rest.join(", ")}]` : "another stack: this one has every layer"}`
  );
}

/** A section of a layer that this stack does not deploy would have no effect. */
function* unusedSections({ settings }: Model, { sections }: CheckContext): Iterable<Problem> {
  const owned = ownedLayers(settings);
  const unused = (layer: LayerName) =>
    `belongs to the layer ${layer}, which this stack does not deploy; move it to the stack that does, or add ${layer} to talos-mesh:layers`;
  for (const [section, value] of Object.entries(sections)) {
    const layer = section === "platform" ? "platform" : "mesh";
    if (shared.has(section as keyof Settings) || owned.has(layer) || isEmpty(value)) continue;
    if (Object.hasOwn(settings, section)) yield { path: [section], message: unused(layer) };
  }
  if (owned.has("mesh")) return;
  // Versions of Kubernetes and of the Gateway API are checked against that of Istio.
  for (const key of Object.keys(asTree(own(sections, "mesh")))) {
    if (key !== "version") yield { path: ["mesh", key], message: unused("mesh") };
  }
}

/** Pulumi.yaml has empty defaults. */
function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** istiod does not become ready without a kind that it watches. */
function crdRefusal({ cluster, mesh, layers }: Settings): Refusal {
  const installed = sharedClusterIn(cluster)?.gatewayApi;
  const needed = gatewayApiVersion(mesh);
  if (installed === undefined || !ownedLayers({ cluster, layers }).has("mesh")) return false;
  if (compareMinor(installed, needed) >= 0) return false;
  const reference = stackReferenceOf(cluster);
  return {
    version: `found ${mesh.version}, which needs the Gateway API ${needed}; the stack ${reference} has installed ${installed}: raise its mesh.version and deploy it first`,
  };
}
