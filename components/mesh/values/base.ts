import { defaultRevision } from "../../model/control-planes";
import type { HelmValues } from "../../shared/helm-release";
import type { MeshValuesInput } from "./input";
import { profileValues } from "./profiles";
import { withUserValues } from "./user-values";

/** `defaultRevision` is the control plane that validates, where there is one: see `istiodValues`. */
export function baseValues({ mesh, cluster }: MeshValuesInput): HelmValues {
  const validates = cluster.simulatedNodes ? "" : (mesh.revision ?? defaultRevision);
  return withUserValues({ ...profileValues(mesh), defaultRevision: validates }, mesh.values.base);
}
