import assert from "node:assert/strict";
import { keptOf } from "../../scripts/ci/kept";
import { parseStackFile } from "../../scripts/ci/pulumi";
import { rollbackRefusals } from "../../scripts/ci/rollback-refusals";

const urn = (types: string, name: string) => `urn:pulumi:production::talos-mesh::${types}::${name}`;

describe("what a rollback leaves as it is", () => {
  const step = (op: string, types: string, name = "x", inputs = {}, paths: readonly string[] = []) => ({
    op,
    urn: urn(types, name),
    oldState: { inputs },
    detailedDiff: Object.fromEntries(paths.map((path) => [path, {}])),
  });
  const release = "kubernetes:helm.sh/v3:Release";
  const cases: readonly (readonly [kept: boolean, what: string, of: ReturnType<typeof step>])[] = [
    [true, "a machine", step("update", "talos-mesh:cluster:TalosCluster$command:local:Command")],
    [true, "a new machine", step("delete", "talos-mesh:cluster:TalosCluster$command:local:Command")],
    [true, "a benchmark that has not run", step("create", "talos-mesh:benchmark:Benchmark$command:local:Command")],
    [true, "a new namespace", step("delete", "kubernetes:core/v1:Namespace")],
    [false, "the labels of a namespace", step("update", "kubernetes:core/v1:Namespace")],
    [true, "a volume", step("delete", "kubernetes:core/v1:PersistentVolumeClaim")],
    [true, "the size of a volume", step("update", "kubernetes:core/v1:PersistentVolumeClaim")],
    [true, "a StatefulSet", step("replace", "kubernetes:apps/v1:StatefulSet")],
    [true, "a CRD", step("update", "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition")],
    [true, "a database", step("delete", "kubernetes:postgresql.cnpg.io/v1:Cluster")],
    [true, "a credential", step("update", "kubernetes:core/v1:Secret")],
    [true, "a password", step("delete", "talos-mesh:observability:Observability$command:local:Command")],
    [false, "a step of the mesh", step("update", "talos-mesh:mesh:Istio$command:local:Command")],
    [
      false,
      "istiod",
      step("update", `talos-mesh:mesh:Istio$${release}`, "istio-istiod", { chart: "istiod" }, ["version"]),
    ],
    [
      true,
      "Istio's CRDs",
      step("update", `talos-mesh:mesh:Istio$${release}`, "b", { chart: "./charts/base" }, ["version"]),
    ],
    [true, "a new addon", step("delete", `talos-mesh:observability:Observability$${release}`)],
    [
      true,
      "another version of an addon",
      step("update", `talos-mesh:platform:Platform$${release}`, "x", {}, ["version"]),
    ],
    [
      true,
      "storage of an addon",
      step("update", `talos-mesh:o:O$${release}`, "x", {}, ["values.server.persistentVolume.size"]),
    ],
    [true, "an addon that changes in an unknown way", step("update", `talos-mesh:o:O$${release}`)],
    [false, "a value of an addon", step("update", `talos-mesh:o:O$${release}`, "x", {}, ["values.server.replicas"])],
    [false, "a rule", step("delete", "kubernetes:security.istio.io/v1:AuthorizationPolicy")],
    [false, "a route of the Gateway API", step("delete-replaced", "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute")],
    [false, "an application", step("update", "talos-mesh:apps:Bookinfo$kubernetes:apps/v1:Deployment")],
    [false, "a component", step("delete", "talos-mesh:observability:Observability")],
    [false, "a namespace that is created again", step("create", "kubernetes:core/v1:Namespace")],
    [false, "what does not change", step("same", "kubernetes:core/v1:PersistentVolumeClaim")],
  ];
  for (const [isKept, what, each] of cases) {
    it(`${isKept ? "includes" : "does not include"} ${what}`, () => {
      assert.deepEqual(
        keptOf([each]).map((kept) => kept.urn),
        isKept ? [each.urn] : [],
      );
    });
  }
});

describe("stack files between which there is no rollback", () => {
  const file = (cluster: object = {}, mesh: object = {}, rest: object = {}) =>
    parseStackFile(JSON.stringify({ config: { "talos-mesh:cluster": cluster, "talos-mesh:mesh": mesh }, ...rest }));
  const refused: readonly (readonly [string, ReturnType<typeof file>, ReturnType<typeof file>, RegExp])[] = [
    [
      "another cluster",
      file({ name: "a" }),
      file({ name: "b" }),
      /talos-mesh:cluster: the older commit has another cluster/,
    ],
    [
      "Kubernetes",
      file({ kubernetesVersion: "v1.35.4" }),
      file({ kubernetesVersion: "v1.36.0" }),
      /kubernetesVersion.*cannot be/,
    ],
    [
      "Talos",
      file({ talosVersion: "v1.9.6" }),
      file({ talosVersion: "v1.10.0" }),
      /talosVersion: v1\.9\.6 to v1\.10\.0/,
    ],
    [
      "two minor versions of Istio",
      file({}, { version: "1.29.6" }),
      file({}, { version: "1.31.1" }),
      /mesh\.version.*one minor/,
    ],
    [
      "another key of the secrets",
      file({}, {}, { encryptionsalt: "a" }),
      file({}, {}, { encryptionsalt: "b" }),
      /encrypted in/,
    ],
  ];
  for (const [what, older, newer, message] of refused) {
    it(`have ${what} between them`, () => {
      const [only, ...others] = rollbackRefusals(older, newer);
      assert.match(only ?? "", message);
      assert.deepEqual(others, []);
    });
  }

  it("have other layers between them", () => {
    const [older, newer] = [`["cluster"]`, `["cluster","platform"]`].map((layers) =>
      parseStackFile(`{ config: { "talos-mesh:layers": ${layers} } }`),
    );
    assert.ok(older && newer);
    assert.match(rollbackRefusals(older, newer).join(), /^talos-mesh:layers: the older commit deploys other layers$/);
  });

  it("are all named at once", () => {
    const older = file({ talosVersion: "v1.12.0", kubernetesVersion: "v1.34.0" }, { version: "1.28.0" });
    const newer = file({ talosVersion: "v1.13.0", kubernetesVersion: "v1.36.0" }, { version: "1.31.0" });
    assert.equal(rollbackRefusals(older, newer).length, 3);
  });

  it("may have patch releases between them, and one minor version of Istio", () => {
    const older = file({ talosVersion: "v1.13.1", kubernetesVersion: "v1.36.1" }, { version: "1.30.3" });
    const newer = file({ talosVersion: "v1.13.9", kubernetesVersion: "v1.36.3" }, { version: "1.31.1" });
    assert.deepEqual(rollbackRefusals(older, newer), []);
  });
});
