import { imageReference } from "../../model/images";
import type { Settings } from "../../settings/schema";
import { certManager } from "./cert-manager";
import { metallb } from "./metallb";
import type { Product, ProductContext, ProductSections } from "./product";

const products = [metallb, certManager] as readonly Product[];

/** Those that the settings install, in the order in which they are installed. */
export function installedProducts(settings: ProductSections) {
  return products.flatMap((product) => {
    const given = product.given(settings);
    return given === undefined ? [] : [{ product, given }];
  });
}

/** The images that they pull, with their official names. */
export function productImages(settings: ProductSections): readonly string[] {
  return installedProducts(settings).flatMap(
    ({ product, given }) => product.images?.(given) ?? Object.values(product.chart.images),
  );
}

export function productContext(settings: Settings): ProductContext {
  const { images } = settings;
  const secrets = images.pullSecrets.map(({ name }) => ({ name }));
  return {
    settings,
    image: (official) => imageReference(images, official),
    imagePullSecrets: secrets.length > 0 ? secrets : undefined,
  };
}
