import assert from "node:assert/strict";
import { imageParts } from "../../components/observability/addons/addon";
import {
  addonImages,
  addonSource,
  allCharts,
  extensionProviders,
} from "../../components/observability/addons/registry";
import { istioReleases, officialCharts } from "../../components/settings/versions";
import { addonInput, releasesOf, scenarios, valuesOf } from "./inputs";

/** Every text inside a value. */
function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}

describe("the addons' values", () => {
  for (const [name, input] of Object.entries(scenarios)) {
    it(`${name}: has a chart for every release, and values for every chart`, () => {
      for (const { release, chart } of releasesOf(input())) {
        assert.match(chart.version, /^\d+\.\d+\.\d+$/, release.name);
        assert.ok(Object.keys(valuesOf(input()).get(release.name) ?? {}).length > 0, release.name);
      }
    });

    it(`${name}: lists the images of the values`, () => {
      const { observability, context } = input();
      const all = [...valuesOf(input()).values()].flatMap(texts);
      for (const official of addonImages(observability, context.mesh.version)) {
        const { repository, tag } = imageParts(context.image(official));
        const place = all.some((text) => text.endsWith(repository));
        const [version, digest] = tag.split("@");
        assert.ok(place, `${official}: no value names ${repository}`);
        assert.ok(
          all.includes(tag) || (all.includes(version ?? "") && all.includes(digest ?? "")),
          `${official}: ${tag}`,
        );
      }
    });
  }

  it("has a Kiali for every known minor version of Istio", () => {
    for (const minor of istioReleases.keys()) assert.ok(allCharts(`${minor}.0`).length > 0);
    assert.equal(allCharts("1.31.1").find(({ name }) => name === "kiali-server")?.version, "2.27.0");
    assert.throws(() => allCharts("1.99.0"), /no Kiali is known to go with Istio 1\.99\.0/);
  });

  it("contain no password and no key, only references", () => {
    for (const input of Object.values(scenarios)) {
      const { grafana, kiali } = Object.fromEntries(valuesOf(input())) as Record<string, Record<string, unknown>>;
      if (grafana) assert.deepEqual(Object.keys(grafana.admin as object), ["existingSecret", "userKey", "passwordKey"]);
      if (kiali) assert.deepEqual(kiali.login_token, { signing_key: "secret:kiali-signing-key:value.txt" });
    }
  });

  it("requires a login by default", () => {
    const settings = { prometheus: {}, grafana: {}, kiali: {} };
    const { grafana, kiali } = Object.fromEntries(valuesOf(addonInput(settings))) as Record<
      string,
      Record<string, unknown>
    >;
    assert.deepEqual((grafana?.["grafana.ini"] as Record<string, unknown>)["auth.anonymous"], {
      enabled: false,
      org_role: "Viewer",
    });
    assert.deepEqual(kiali?.auth, { strategy: "token" });
  });

  it("points Kiali to Jaeger, and not to Zipkin", () => {
    const tracing = (provider: string) => {
      const values = valuesOf(addonInput({ prometheus: {}, kiali: {}, tracing: { provider } })).get("kiali");
      return (values?.external_services as { tracing: object }).tracing;
    };
    assert.deepEqual(tracing("zipkin"), { enabled: false });
    assert.deepEqual(tracing("jaeger"), {
      enabled: true,
      provider: "jaeger",
      use_grpc: true,
      internal_url: "http://jaeger.observability.svc.cluster.local:16685",
    });
  });

  it("sends traces to the port on which the collector listens", () => {
    const { observability } = addonInput({ tracing: { provider: "jaeger" } });
    const [provider] = extensionProviders(observability);
    assert.equal(provider?.service, "jaeger.observability.svc.cluster.local");
    const jaeger = valuesOf(addonInput({ tracing: { provider: "jaeger" } })).get("jaeger");
    assert.ok(texts(jaeger).includes(`0.0.0.0:${provider?.port}`), "the collector does not listen there");
    const zipkin = addonInput({ namespace: "watch", tracing: { provider: "zipkin" } });
    assert.deepEqual(extensionProviders(zipkin.observability), [
      { name: "zipkin", protocol: "zipkin", service: "zipkin.watch.svc.cluster.local", port: 9411 },
    ]);
    assert.deepEqual(extensionProviders(addonInput({ prometheus: {} }).observability), []);
  });

  it("evaluates no alerts where they are switched off", () => {
    const files = (alerts?: boolean) => valuesOf(addonInput({ prometheus: {}, alerts })).get("prometheus")?.serverFiles;
    assert.equal(files(false), undefined);
    assert.deepEqual(files(true), files());
    assert.ok(files());
  });
});

describe("where an addon's chart comes from", () => {
  const chart = allCharts("1.31.1").find(({ name }) => name === "prometheus");

  it("is its publisher's repository, where Istio's charts come from an official location", () => {
    assert.ok(chart);
    const own = { kind: "repository", url: "https://prometheus-community.github.io/helm-charts" };
    assert.deepEqual(addonSource(undefined, { kind: "repository", url: officialCharts }, chart), own);
    assert.deepEqual(addonSource(undefined, { kind: "repository", url: `${officialCharts}/` }, chart), own);
    assert.deepEqual(addonSource(undefined, { kind: "oci", url: "oci://ghcr.io/istio/release/charts" }, chart), own);
  });

  it("is the mirror or the folder of the settings", () => {
    assert.ok(chart);
    for (const source of [
      { kind: "repository", url: "https://charts.example.com" },
      { kind: "oci", url: "oci://registry.example.com/charts" },
      { kind: "folder", path: "./charts", standIn: false },
    ] as const) {
      assert.deepEqual(addonSource(undefined, source, chart), source);
    }
  });

  it("is the location of charts.addons, wherever Istio's charts come from", () => {
    assert.ok(chart);
    const folder = { kind: "folder", path: "./istio-charts", standIn: false } as const;
    assert.deepEqual(addonSource("./addons", folder, chart), { ...folder, path: "./addons" });
    assert.deepEqual(addonSource("makers", folder, chart), { kind: "repository", url: chart.repository });
  });
});

describe("an image in parts", () => {
  it("keeps a registry's port, and the digest with the tag", () => {
    assert.deepEqual(imageParts("registry.example.com:5000/hub/grafana/grafana:13.2.0@sha256:abc"), {
      registry: "registry.example.com:5000",
      repository: "hub/grafana/grafana",
      tag: "13.2.0@sha256:abc",
    });
  });
});
