import assert from "node:assert/strict";
import path from "node:path";
import type { Registration } from "../../embedded/program/run-program";
import { installedProducts, productContext } from "../../components/platform/products/registry";
import type { Settings } from "../../components/settings/schema";
import { readStack } from "../../components/validation/stack";
import { root } from "../settings/stack-files";
import type { StackRun } from "../support/program";

/** A good stack file. */
export function fixture(name: string): string {
  return path.join(root, `tests/fixtures/good/${name}.yaml`);
}

/** Its settings. */
export function settingsOf(name: string): Settings {
  return readStack(path.join(root, "tests/fixtures/project"), fixture(name)).settings;
}

/** That gateways wait for a load balancer, and nothing else of the mesh does. */
export function beforeGatewaysOnly(run: StackRun, loadBalancer: Registration): void {
  for (const gateway of ["istio-gateway-ingress", "istio-gateway-partners"]) {
    assert.ok(run.dependsOn(run.one("Release", gateway), loadBalancer), gateway);
  }
  for (const release of ["istio-base", "istio-istiod", "istio-cni"]) {
    assert.ok(!run.dependsOn(run.one("Release", release), loadBalancer), release);
  }
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
