import type { Settings } from "../../settings/schema";
import type { KubernetesRange } from "../../settings/versions";
import type { Chart } from "../../shared/chart-source";
import type { HelmValues } from "../../shared/helm-release";
import type { ApplyObject } from "../../shared/kubernetes/object";
import type { SettingPath } from "../../shared/problem";

/**
 * What `talos-mesh:platform` installs from a chart of its own project. registry.ts lists the products; namespaces, the
 * image list, validation and the component all read that list.
 */
export interface Product<Given = unknown> {
  /** Class of the component. */
  readonly component: string;
  readonly path: SettingPath;
  readonly chart: Chart & { readonly kubernetes: KubernetesRange };
  readonly namespace: string;
  /** What its pods need. */
  readonly podSecurity: "privileged" | "baseline";
  /** Its settings; undefined where it is not installed. */
  given(settings: ProductSections): Given | undefined;
  /** The images of the chart that are pulled. @default all */
  images?(given: Given): readonly string[];
  values(given: Given, context: ProductContext): HelmValues;
  /** Secrets with entries of `talos-mesh:secrets`. */
  secrets?(given: Given): readonly ProductSecret[];
  /** Objects of its own kinds, in the order in which they are created after the release. */
  objects?(given: Given, settings: Settings): readonly ApplyObject[];
}

export type ProductSections = Pick<Settings, "platform" | "mesh">;

export interface ProductSecret {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  /** Its keys, each with the name of an entry. */
  readonly entries: Readonly<Record<string, string>>;
}

export interface ProductContext {
  readonly settings: Settings;
  /** The image to pull, from a mirror or by digest, of an image with registry and tag. */
  readonly image: (official: string) => string;
  /** In the form of a pod; undefined where there are none. */
  readonly imagePullSecrets: readonly { readonly name: string }[] | undefined;
}

export function defineProduct<Given>(product: Product<Given>): Product<Given> {
  return product;
}
