import { z } from "zod";
import { layerNames } from "../../cluster/kinds/shared-cluster";

/** `talos-mesh:layers`. */
export const layers = z
  .array(z.enum(layerNames))
  .min(1)
  .describe(
    "What this stack deploys; the rest is in the stack of cluster.stackReference, or in one that refers to this stack. " +
      "Default: everything; with cluster.stackReference: platform and mesh.",
  );
