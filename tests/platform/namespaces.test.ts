import assert from "node:assert/strict";
import { namespaces } from "../../components/platform/namespaces";
import { validate } from "../../components/validation/validate";
import { runStack } from "../support/program";
import { readStackFile, root } from "../settings/stack-files";

const { settings } = validate(readStackFile(`${root}/Pulumi.dev.yaml`).sections, { secretNames: [] });
const { mesh, platform, cluster } = settings;
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
    const slice = { cluster, mesh, gateways: { ingress }, bookinfo, platform };
    const levels = namespaces(slice).map(({ name }) => [name, level(slice, name)]);
    assert.deepEqual(levels, [
      ["bookinfo", "baseline"],
      ["istio-ingress", "baseline"],
      ["istio-system", "privileged"],
    ]);
  });

  it("keep the more privileged level where two parts share a namespace", () => {
    const gateways = { ingress: { ...ingress, namespace: "istio-system" } };
    assert.equal(level({ cluster, mesh, platform, gateways, bookinfo: undefined }, "istio-system"), "privileged");
  });

  it("keep Bookinfo's injection where a gateway shares its namespace", () => {
    const shared = namespaces({
      cluster,
      mesh,
      platform,
      gateways: { ingress: { ...ingress, namespace: "bookinfo" } },
      bookinfo,
    });
    assert.deepEqual(
      shared.map(({ name }) => name),
      ["bookinfo", "istio-system"],
    );
    assert.equal(shared[0]?.labels["istio-injection"], "enabled");
  });

  it("get labels only where Kubernetes creates them", () => {
    const inDefault = namespaces({
      cluster,
      mesh,
      platform,
      gateways: {},
      bookinfo: { ...bookinfo, namespace: "default" },
    });
    assert.deepEqual(inDefault[0], { name: "default", isBuiltIn: true, labels: { "istio-injection": "enabled" } });
    assert.equal(inDefault[1]?.isBuiltIn, undefined);
  });

  it("are not created, and not deleted with the stack, where Kubernetes creates them", async () => {
    const run = await runStack({ overrides: { bookinfo: { namespace: "default" } } });
    const { inputs } = run.one("NamespacePatch", "platform-default");
    assert.deepEqual(inputs.metadata, { name: "default", labels: { "istio-injection": "enabled" } });
    assert.deepEqual(
      run.byType("Namespace").filter(({ name }) => name === "platform-default"),
      [],
    );
  }).timeout(60_000);

  describe("put Bookinfo's pods", () => {
    const labelsIn = (change: Partial<typeof mesh>, injection = bookinfo.injection) => {
      const made = namespaces({
        cluster,
        mesh: { ...mesh, ...change },
        platform,
        gateways: {},
        bookinfo: { ...bookinfo, injection },
      });
      const labels = made.find(({ name }) => name === "bookinfo")?.labels ?? {};
      return Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith("pod-security")));
    };
    const ambient = { "istio.io/dataplane-mode": "ambient" };

    it("under ztunnel in an ambient mesh, whatever `injection` is", () => {
      assert.deepEqual(labelsIn({ dataPlane: "ambient" }), ambient);
      assert.deepEqual(labelsIn({ dataPlane: "ambient" }, "none"), ambient);
    });

    it("on the data plane of their namespace where it differs from the mesh's", () => {
      assert.deepEqual(labelsIn({ namespaces: { bookinfo: { dataPlane: "ambient" } } }), ambient);
      const sidecar = { namespaces: { bookinfo: { dataPlane: "sidecar" as const } }, dataPlane: "ambient" as const };
      assert.deepEqual(labelsIn(sidecar), { "istio-injection": "enabled" });
    });

    it("outside the mesh where the namespace has no data plane, or sidecars and no injection", () => {
      assert.deepEqual(labelsIn({ namespaces: { bookinfo: { dataPlane: "none" } } }), {});
      assert.deepEqual(labelsIn({}, "none"), {});
    });
  });
});
