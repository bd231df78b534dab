import { defaultRevision } from "../../settings/control-planes";
import type { HelmValues } from "../../shared/helm-release";
import type { MeshValuesInput } from "./input";
import { profileValues } from "./profiles";
import { withUserValues } from "./user-values";

export function baseValues({ mesh }: MeshValuesInput): HelmValues {
  return withUserValues(
    { ...profileValues(mesh), defaultRevision: mesh.revision ?? defaultRevision },
    mesh.values.base,
  );
}
