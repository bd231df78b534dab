import assert from "node:assert/strict";
import { addonCharts, addonSource, kialiVersion, observabilityImages } from "../../components/observability/charts";
import { addonValues } from "../../components/observability/releases";
import { imageParts } from "../../components/observability/values/input";
import { istioSupportsKubernetes, kialiForIstio, officialCharts } from "../../components/settings/versions";
import { addonPages, tracingProvider } from "../../components/shared/addons";
import { addonInput, dashboardMaps, scenarios, watched } from "./inputs";

/** Every text inside a value. */
function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}

const valuesOf = (input: ReturnType<typeof addonInput>) => addonValues(input, watched, dashboardMaps);

describe("the addons' values", () => {
  for (const [name, input] of Object.entries(scenarios)) {
    it(`${name}: has a chart for every release, and values for every chart`, () => {
      const { observability, meshVersion } = input();
      const charts = addonCharts(observability, meshVersion);
      assert.deepEqual([...charts.keys()].sort(), [...valuesOf(input()).keys()].sort());
    });

    it(`${name}: lists as pulled what the values name`, () => {
      const { observability, meshVersion, image } = input();
      const all = [...valuesOf(input()).values()].flatMap(texts);
      for (const official of observabilityImages(observability, meshVersion)) {
        const { repository, tag } = imageParts(image(official));
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

  it("names a Kiali for every Istio that is known, so that none is left without one", () => {
    assert.deepEqual(Object.keys(kialiForIstio).sort(), Object.keys(istioSupportsKubernetes).sort());
    assert.equal(kialiVersion("1.31.1"), "2.27.0");
    assert.throws(() => kialiVersion("1.99.0"), /no Kiali is known to go with Istio 1\.99\.0/);
  });

  it("never holds a password or a key, only where they are", () => {
    for (const input of Object.values(scenarios)) {
      const { grafana, kiali } = Object.fromEntries(valuesOf(input())) as Record<string, Record<string, unknown>>;
      if (grafana) assert.deepEqual(Object.keys(grafana.admin as object), ["existingSecret", "userKey", "passwordKey"]);
      if (kiali) assert.deepEqual(kiali.login_token, { signing_key: "secret:kiali-signing-key:value.txt" });
    }
  });

  it("lets nobody in without a login unless told so", () => {
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

  it("points Kiali to Jaeger, and to no Zipkin", () => {
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

  it("sends traces to where the collector listens", () => {
    const { observability } = addonInput({ tracing: { provider: "jaeger" } });
    const provider = tracingProvider(observability);
    assert.equal(provider?.service, "jaeger.observability.svc.cluster.local");
    const jaeger = valuesOf(addonInput({ tracing: { provider: "jaeger" } })).get("jaeger");
    assert.ok(texts(jaeger).includes(`0.0.0.0:${provider?.port}`), "the collector does not listen there");
    const zipkin = addonInput({ namespace: "watch", tracing: { provider: "zipkin" } });
    assert.deepEqual(tracingProvider(zipkin.observability), {
      name: "zipkin",
      protocol: "zipkin",
      service: "zipkin.watch.svc.cluster.local",
      port: addonPages.zipkin.port,
    });
    assert.equal(tracingProvider(addonInput({ prometheus: {} }).observability), undefined);
  });

  it("judges no alerts where they are switched off", () => {
    const files = (alerts?: boolean) => valuesOf(addonInput({ prometheus: {}, alerts })).get("prometheus")?.serverFiles;
    assert.equal(files(false), undefined);
    assert.deepEqual(files(true), files());
    assert.ok(files());
  });
});

describe("where an addon's chart comes from", () => {
  const { observability } = addonInput({ prometheus: {} });
  const chart = addonCharts(observability, "1.31.1").get("prometheus");

  it("is its makers' repository, where Istio's come from Istio's own places", () => {
    assert.ok(chart);
    const own = { kind: "repository", url: "https://prometheus-community.github.io/helm-charts" };
    assert.deepEqual(addonSource(undefined, { kind: "repository", url: officialCharts }, chart), own);
    assert.deepEqual(addonSource(undefined, { kind: "repository", url: `${officialCharts}/` }, chart), own);
    assert.deepEqual(addonSource(undefined, { kind: "oci", url: "oci://ghcr.io/istio/release/charts" }, chart), own);
  });

  it("is the mirror or the folder, where the settings name one", () => {
    assert.ok(chart);
    for (const source of [
      { kind: "repository", url: "https://charts.example.com" },
      { kind: "oci", url: "oci://registry.example.com/charts" },
      { kind: "folder", path: "./charts", standIn: false },
    ] as const) {
      assert.deepEqual(addonSource(undefined, source, chart), source);
    }
  });

  it("is the place of its own that the settings name, wherever Istio's come from", () => {
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
