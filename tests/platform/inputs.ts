import path from "node:path";
import { installedProducts, productContext } from "../../components/platform/products/registry";
import type { Settings } from "../../components/settings/schema";
import { readStack } from "../../components/validation/stack";
import { root } from "../settings/stack-files";

/** Settings of a good stack file. */
export function settingsOf(name: string): Settings {
  return readStack(path.join(root, "tests/fixtures/project"), path.join(root, `tests/fixtures/good/${name}.yaml`))
    .settings;
}

/** Stack files whose products differ in what is installed. */
export const scenarios = ["platform-load-balancer", "platform-load-balancer-bgp", "platform-cert-manager"] as const;

/** What the products of a stack become. */
export function productsOf(settings: Settings) {
  return installedProducts(settings).map(({ product, given }) => ({
    product,
    values: product.values(given, productContext(settings)),
    secrets: product.secrets?.(given) ?? [],
    objects: product.objects?.(given, settings) ?? [],
  }));
}
