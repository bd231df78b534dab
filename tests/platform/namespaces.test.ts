import assert from "node:assert/strict";
import { namespaces } from "../../components/platform/namespaces";
import { parseSettings } from "../../components/settings/parse";
import { readStackFile, root } from "../settings/stack-files";

const { settings } = parseSettings(readStackFile(`${root}/Pulumi.dev.yaml`).sections, { secretNames: [] });
const ingress = settings.gateways.ingress ?? assert.fail("dev has an ingress gateway");
const bookinfo = settings.bookinfo ?? assert.fail("dev has Bookinfo");

/** Pod Security level of a namespace as it is enforced, audited and warned of: the three always agree. */
function level(slice: Parameters<typeof namespaces>[0], name: string): string | undefined {
  const { labels } = namespaces(slice).find((spec) => spec.name === name) ?? assert.fail(`no namespace ${name}`);
  const levels = ["enforce", "audit", "warn"].map((mode) => labels[`pod-security.kubernetes.io/${mode}`]);
  assert.equal(new Set(levels).size, 1);
  return levels[0];
}

describe("the namespaces of the environment", () => {
  it("are the root namespace, privileged, and one for each gateway and Bookinfo, baseline", () => {
    const slice = { gateways: { ingress }, bookinfo };
    const levels = namespaces(slice).map(({ name }) => [name, level(slice, name)]);
    assert.deepEqual(levels, [
      ["bookinfo", "baseline"],
      ["istio-ingress", "baseline"],
      ["istio-system", "privileged"],
    ]);
  });

  it("keep the more privileged level where two uses meet", () => {
    const gateways = { ingress: { ...ingress, namespace: "istio-system" } };
    assert.equal(level({ gateways, bookinfo: undefined }, "istio-system"), "privileged");
  });

  it("keep Bookinfo's injection where a gateway shares its namespace", () => {
    const shared = namespaces({ gateways: { ingress: { ...ingress, namespace: "bookinfo" } }, bookinfo });
    assert.deepEqual(
      shared.map(({ name }) => name),
      ["bookinfo", "istio-system"],
    );
    assert.equal(shared[0]?.labels["istio-injection"], "enabled");
  });
});
