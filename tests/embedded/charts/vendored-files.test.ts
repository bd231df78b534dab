import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { allCharts } from "../../../components/observability/addons/registry";
import { versions } from "../../../components/settings/versions";
import {
  folders,
  gatewayApiFolder,
  gatewayApiVersions,
  modules,
  outdated,
  vendoredFiles,
} from "../../../scripts/vendor";
import {
  customResourceDefinitionFiles,
  goModuleFolder,
  readCustomResourceDefinitions,
} from "../../../scripts/vendor/crds";
import { chartFiles, meshChartNames } from "../../../scripts/vendor/stand-in-charts";
import { skip } from "../../support/skip";
import { assertContains } from "./assert-contains";

const root = path.resolve(__dirname, "../../..");

/** The rules by which an API server accepts a CRD and makes it Established. */
interface CommittedCrd {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly scope: string;
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: { readonly type: string } };
    }[];
  };
}

function committed(folder: string): CommittedCrd[] {
  return readdirSync(path.join(root, folder)).map(
    (file) => JSON.parse(readFileSync(path.join(root, folder, file), "utf8")) as CommittedCrd,
  );
}

const namesAndVersions = (crds: readonly CommittedCrd[]) =>
  crds.map(({ metadata, spec }) => {
    const served = spec.versions.filter((version) => version.served).map(({ name }) => name);
    return `${metadata.name} ${served.join(" ")}`;
  });

describe("committed CRDs", () => {
  const gatewayApi = {
    "1.4.1": [
      "backendtlspolicies v1",
      "gatewayclasses v1 v1beta1",
      "gateways v1 v1beta1",
      "grpcroutes v1",
      "httproutes v1 v1beta1",
      "referencegrants v1beta1",
    ],
    "1.5.1": [
      "backendtlspolicies v1",
      "gatewayclasses v1 v1beta1",
      "gateways v1 v1beta1",
      "grpcroutes v1",
      "httproutes v1 v1beta1",
      "listenersets v1",
      "referencegrants v1 v1beta1",
      "tlsroutes v1",
    ],
    "1.6.0": [
      "backendtlspolicies v1",
      "gatewayclasses v1 v1beta1",
      "gateways v1 v1beta1",
      "grpcroutes v1",
      "httproutes v1 v1beta1",
      "listenersets v1",
      "referencegrants v1 v1beta1",
      "tcproutes v1",
      "tlsroutes v1",
      "udproutes v1",
    ],
  };

  for (const [version, kinds] of Object.entries(gatewayApi)) {
    it(`are those of the Gateway API ${version}, standard channel, in a chart of this version`, () => {
      const crds = committed(gatewayApiFolder(version));
      const short = namesAndVersions(crds).map((name) => name.replace(".gateway.networking.k8s.io", ""));
      assert.deepEqual(short, kinds);
      for (const { metadata } of crds) {
        assert.equal(metadata.annotations["gateway.networking.k8s.io/bundle-version"], `v${version}`);
        assert.equal(metadata.annotations["gateway.networking.k8s.io/channel"], "standard");
      }
      const chart = parse(
        readFileSync(path.join(root, gatewayApiFolder(version), "../../Chart.yaml"), "utf8"),
      ) as object;
      assertContains(chart, { version, appVersion: `v${version}` });
    });
  }

  it("are of every version of the Gateway API that a supported Istio reads, the pinned one last", () => {
    assert.deepEqual(gatewayApiVersions, Object.keys(gatewayApi));
    assert.equal(gatewayApiVersions.at(-1), versions.gatewayApi);
  });

  it("are all of Istio's, each kept by Helm when its release goes", () => {
    const crds = committed(folders.istio);
    assert.deepEqual(namesAndVersions(crds), [
      "trafficextensions.extensions.istio.io v1alpha1",
      "wasmplugins.extensions.istio.io v1alpha1",
      "destinationrules.networking.istio.io v1 v1alpha3 v1beta1",
      "envoyfilters.networking.istio.io v1alpha3",
      "gateways.networking.istio.io v1 v1alpha3 v1beta1",
      "proxyconfigs.networking.istio.io v1beta1",
      "serviceentries.networking.istio.io v1 v1alpha3 v1beta1",
      "sidecars.networking.istio.io v1 v1alpha3 v1beta1",
      "virtualservices.networking.istio.io v1 v1alpha3 v1beta1",
      "workloadentries.networking.istio.io v1 v1alpha3 v1beta1",
      "workloadgroups.networking.istio.io v1 v1alpha3 v1beta1",
      "authorizationpolicies.security.istio.io v1 v1beta1",
      "peerauthentications.security.istio.io v1 v1beta1",
      "requestauthentications.security.istio.io v1 v1beta1",
      "telemetries.telemetry.istio.io v1 v1alpha1",
    ]);
    for (const { metadata } of crds) assert.equal(metadata.annotations["helm.sh/resource-policy"], "keep");
  });

  it("have the shape an API server establishes: one storage version, a schema for each, matching names", () => {
    for (const { apiVersion, kind, metadata, spec } of [
      ...Object.values(folders),
      ...gatewayApiVersions.map(gatewayApiFolder),
    ].flatMap(committed)) {
      assert.deepEqual([apiVersion, kind], ["apiextensions.k8s.io/v1", "CustomResourceDefinition"]);
      assert.equal(metadata.name, `${spec.names.plural}.${spec.group}`);
      assert.match(spec.scope, /^(Namespaced|Cluster)$/);
      assert.equal(spec.versions.filter((version) => version.storage).length, 1, metadata.name);
      for (const version of spec.versions) {
        assert.equal(version.schema.openAPIV3Schema.type, "object", `${metadata.name} ${version.name}`);
      }
    }
  });

  it("are exactly what the pinned Go modules hold", function () {
    this.timeout(120_000);
    try {
      modules.forEach((module) => goModuleFolder(module));
    } catch (error) {
      skip(this, (error as Error).message);
    }
    assert.deepEqual(outdated(vendoredFiles()), []);
  });
});

describe("stand-in charts", () => {
  it("have the generated files that `npm run vendor` generates now", () => {
    for (const [file, content] of chartFiles()) {
      assert.equal(readFileSync(path.join(root, file), "utf8"), content, `${file}: run npm run vendor`);
    }
  });

  it("carry the pinned version of Istio and say what they are", () => {
    assert.deepEqual(
      readdirSync(path.join(root, "embedded/charts")).sort(),
      [...meshChartNames, ...allCharts(versions.istio).map(({ name }) => name), "README.md"].sort(),
    );
    for (const name of meshChartNames) {
      const chart = parse(readFileSync(path.join(root, `embedded/charts/${name}/Chart.yaml`), "utf8")) as object;
      assertContains(chart, {
        name,
        version: versions.istio,
        appVersion: versions.istio,
        annotations: { "talos-mesh/stand-in": "true" },
      });
      assert.match((chart as { description: string }).description, /^STAND-IN/);
    }
  });
});

describe("reading CRDs from YAML", () => {
  const crd = (plural: string, extra = "") =>
    `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${plural}.example.org }
spec: { group: example.org, names: { plural: ${plural} }${extra} }
`;

  it("keeps order and content, and skips empty documents", () => {
    const crds = readCustomResourceDefinitions(`---\n---\n${crd("zebras")}---\n${crd("ants")}---\n`, "test");
    const files = customResourceDefinitionFiles("crds/", crds);
    assert.deepEqual([...files.keys()], ["crds/example.org_zebras.json", "crds/example.org_ants.json"]);
    assert.equal(
      files.get("crds/example.org_ants.json"),
      '{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"ants.example.org"},' +
        '"spec":{"group":"example.org","names":{"plural":"ants"}}}\n',
    );
  });

  it("reads YAML as Kubernetes does, where an unquoted `on` is a boolean", () => {
    const [first] = readCustomResourceDefinitions(crd("ants", ", preserveUnknownFields: off"), "test");
    assert.equal(first?.spec["preserveUnknownFields"], false);
  });

  it("refuses a document that is no CRD, with its place", () => {
    assert.throws(
      () => readCustomResourceDefinitions(`${crd("ants")}---\nkind: ConfigMap\n`, "some.yaml"),
      /^Error: some\.yaml: document 2: expected a CustomResourceDefinition$/,
    );
  });

  it("refuses YAML that cannot be read, with its place", () => {
    assert.throws(() => readCustomResourceDefinitions("kind: [", "some.yaml"), /^Error: some\.yaml: document 1: /);
  });

  it("refuses two CRDs that would have one file", () => {
    const crds = readCustomResourceDefinitions(`${crd("ants")}---\n${crd("ants")}`, "test");
    assert.throws(() => customResourceDefinitionFiles("crds/", crds), /two CRDs of one group and plural/);
  });
});
