import type { HelmValues } from "../../components/shared/helm-release";
import { asTree, isTree } from "../../components/shared/merge";

/** Names a folder of the charts of other projects, NAME-VERSION each, as far as there are any; they are not part of this project. */
export const chartsVariable = "TALOS_MESH_ADDON_CHARTS";

/**
 * Paths of values that the chart has neither as a default nor as an example in a comment: keys that its templates would not
 * read. The content of a default that is empty, a list or a string is free.
 *
 * @param passedOn values that the chart passes on as they are: to the program as its configuration, or to Kubernetes
 */
export function unknownPaths(
  values: HelmValues,
  text: string,
  defaults: unknown,
  passedOn: ReadonlySet<string> = new Set(),
  at: readonly string[] = [],
): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const here = [...at, key];
    if (value === undefined || passedOn.has(here.join("."))) return [];
    const isExample = new RegExp(`^ *# *${key}:`, "m").test(text);
    if (!Object.hasOwn(asTree(defaults), key)) return isExample ? [] : [here.join(".")];
    const below = asTree(defaults)[key];
    return isTree(value) && isTree(below) && Object.keys(below).length > 0
      ? unknownPaths(value, text, below, passedOn, here)
      : [];
  });
}
