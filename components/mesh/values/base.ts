import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";
import type { MeshValuesInput } from "./input";
import { profileValues } from "./profiles";

export function baseValues({ mesh }: MeshValuesInput): HelmValues {
  return mergeValues({ ...profileValues(mesh), defaultRevision: "default" }, mesh.values.base ?? {});
}
