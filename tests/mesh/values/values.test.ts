import assert from "node:assert/strict";
import {
  cniValues,
  istiodValues,
  proxyGeneration,
  sidecarRequest,
  ztunnelValues,
} from "../../../components/mesh/values/istio-charts";
import type { SettingsInput } from "../../../components/settings/schema";
import { at, meshInput } from "./inputs";

type MeshInput = Partial<SettingsInput["mesh"]>;

const ambient: MeshInput = { dataPlane: "ambient" };
const mixed: MeshInput = { namespaces: { shop: { dataPlane: "ambient" } } };
const metadata = "meshConfig.defaultConfig.proxyMetadata";

describe("values of the ambient data plane", () => {
  for (const [what, mesh] of Object.entries({ "an ambient mesh": ambient, "one ambient namespace": mixed })) {
    it(`turn on every ambient part for ${what}, under any profile`, () => {
      for (const profile of ["default", "demo", "stable"] as const) {
        const input = meshInput({ ...mesh, profile });
        assert.equal(at(istiodValues(input), "pilot.env.PILOT_ENABLE_AMBIENT"), "true");
        assert.equal(at(istiodValues(input), `${metadata}.ISTIO_META_ENABLE_HBONE`), "true");
        assert.equal(at(cniValues(input), "cni.ambient.enabled"), true);
        assert.equal(ztunnelValues(input)["variant"], "distroless");
      }
    });
  }

  it("leave a mesh of sidecars without them", () => {
    const istiod = istiodValues(meshInput());
    assert.equal(at(istiod, "pilot.env"), undefined);
    assert.equal(at(istiod, metadata), undefined);
    assert.equal(cniValues(meshInput())["cni"], undefined);
  });

  it("delay applications only where there are sidecars", () => {
    const holds = (mesh: MeshInput) =>
      at(istiodValues(meshInput(mesh)), "meshConfig.defaultConfig.holdApplicationUntilProxyStarts");
    assert.equal(holds({}), true);
    assert.equal(holds({ holdApplicationUntilProxyStarts: false }), false);
    assert.equal(holds(mixed), true);
    assert.equal(holds(ambient), undefined);
  });
});

describe("settings of the mesh are set where each data plane reads them", () => {
  it("DNS capture: sidecars by their metadata, ztunnel by istio-cni", () => {
    for (const dnsCapture of [true, false]) {
      const input = meshInput({ ...mixed, dnsCapture });
      assert.equal(at(istiodValues(input), `${metadata}.ISTIO_META_DNS_CAPTURE`), String(dnsCapture));
      assert.equal(at(cniValues(input), "cni.ambient.dnsCapture"), dnsCapture);
    }
    const unset = meshInput(mixed);
    assert.equal(at(istiodValues(unset), `${metadata}.ISTIO_META_DNS_CAPTURE`), undefined);
    assert.deepEqual(at(cniValues(unset), "cni.ambient"), { enabled: true });
  });

  it("trust domain and its aliases: the mesh config", () => {
    const given = { trustDomain: "mesh.example", trustDomainAliases: ["old.example"] };
    const istiod = istiodValues(meshInput(given));
    assert.equal(at(istiod, "meshConfig.trustDomain"), "mesh.example");
    assert.deepEqual(at(istiod, "meshConfig.trustDomainAliases"), ["old.example"]);
  });

  it("access log: Envoy by the mesh config, ztunnel by its log levels", () => {
    const off = meshInput({ ...mixed, accessLog: false });
    assert.equal(at(istiodValues(off), "meshConfig.accessLogFile"), "");
    assert.equal(ztunnelValues(off)["logLevel"], "info,access=off");
    const on = meshInput({ ...mixed, accessLog: true });
    assert.equal(at(istiodValues(on), "meshConfig.accessLogFile"), "/dev/stdout");
    assert.equal(ztunnelValues(on)["logLevel"], undefined);
  });

  it("resources of proxies: sidecars, and waypoints where there are any", () => {
    const resources = { requests: { cpu: "10m" } };
    const global = (mesh: MeshInput) => at(istiodValues(meshInput(mesh)), "global") as Record<string, unknown>;
    assert.deepEqual(global({ proxyResources: resources })["proxy"], { resources });
    assert.equal(global({ proxyResources: resources })["waypoint"], undefined);
    const waypoints = [{ namespace: "shop" }];
    assert.deepEqual(global({ ...mixed, waypoints, proxyResources: resources })["waypoint"], { resources });
  });

  it("the removal of the taint: istiod looks for istio-cni in its own namespace", () => {
    assert.equal(at(istiodValues(meshInput()), "pilot.taint"), undefined);
    const { pilot } = istiodValues(meshInput({ untaintNodes: true })) as { pilot: Record<string, unknown> };
    assert.deepEqual(pilot["taint"], { enabled: true, namespace: "istio-system" });
  });

  it("profile, compatibility version and platform: every chart alike", () => {
    const input = meshInput({ ...mixed, profile: "preview", compatibilityVersion: "1.30", platform: "k3s" });
    const chosen = { profile: "preview", compatibilityVersion: "1.30", platform: "k3s" };
    for (const values of [istiodValues(input), cniValues(input), ztunnelValues(input)]) {
      const { profile, compatibilityVersion, platform } = values as Record<string, unknown>;
      assert.deepEqual({ profile, compatibilityVersion, platform }, chosen);
    }
  });
});

describe("nftables on Talos", () => {
  const native = (mesh: MeshInput, talosVersion: string | undefined = "v1.13.9") =>
    at(cniValues(meshInput(mesh, { talosVersion })), "global.nativeNftables") === true;

  it("are used from the first Istio that supports them, which is later for ambient than for sidecars", () => {
    assert.equal(native({ version: "1.26.4" }), false);
    assert.equal(native({ version: "1.27.0" }), true);
    assert.equal(native({ version: "1.27.0", ...ambient }), false);
    assert.equal(native({ version: "1.29.4", ...ambient }), true);
  });

  it("are used from the first Talos whose nodes have the nft that istio-cni runs", () => {
    for (const talosVersion of ["v1.7.4", "v1.9.6", "v1.11.6"]) assert.equal(native({}, talosVersion), false);
    assert.equal(native({}, "v1.12.0"), true);
    assert.equal(native({ ...ambient }, "v1.11.6"), false);
  });

  it("are not used in ambient where the nft of Istio's distroless images has no JSON", () => {
    const [without, having] = [
      ["1.28.0", "1.28.10", "1.29.0", "1.29.3", "1.30.0"],
      ["1.29.4", "1.29.6", "1.30.1", "1.31.0"],
    ];
    for (const version of without) {
      assert.equal(native({ version, ...ambient }), false, version);
      assert.equal(native({ version }), true, `${version} with sidecars`);
    }
    for (const version of having) assert.equal(native({ version, ...ambient }), true, version);
  });

  it("are left to the node agent elsewhere", () => {
    const input = meshInput({}, { talos: false, talosVersion: undefined });
    assert.equal(at(cniValues(input), "global.nativeNftables"), undefined);
  });
});

describe("a user's values", () => {
  it("win over ours, and are moved to where the chart reads first, so that they also win over the profile", () => {
    const resources = { requests: { cpu: "50m" } };
    const cni = cniValues(meshInput({ profile: "demo", values: { cni: { resources, global: { hub: "r.example" } } } }));
    assert.deepEqual(at(cni, "cni.resources"), resources);
    assert.equal(cni["resources"], undefined);
    assert.equal(at(cni, "global.hub"), "r.example");
    assert.equal(at(cni, "global.tag"), meshInput().mesh.version);
  });

  it("under `pilot` win over the same at the top, as in the chart", () => {
    const istiod = { replicaCount: 2, autoscaleEnabled: false, pilot: { replicaCount: 3 } };
    const { pilot } = istiodValues(meshInput({ values: { istiod } })) as { pilot: Record<string, unknown> };
    assert.deepEqual(pilot, { cni: { enabled: true }, replicaCount: 3, autoscaleEnabled: false });
  });

  it("do not replace the extension providers of policies and tracing, except one of the same name", () => {
    const meshConfig = {
      extensionProviders: [
        { name: "jaeger", port: 1 },
        { name: "opa", port: 1 },
      ],
    };
    const own = {
      extensionProviders: [
        { name: "logs", port: 2 },
        { name: "jaeger", port: 2 },
      ],
    };
    const values = istiodValues({ ...meshInput({ values: { istiod: { meshConfig: own } } }), meshConfig });
    assert.deepEqual(at(values, "meshConfig.extensionProviders"), [
      { name: "jaeger", port: 2 },
      { name: "opa", port: 1 },
      { name: "logs", port: 2 },
    ]);
    assert.equal(at(istiodValues(meshInput()), "meshConfig.extensionProviders"), undefined);
  });

  it("of ztunnel stay at the top", () => {
    const ztunnel = ztunnelValues(meshInput({ ...ambient, values: { ztunnel: { logLevel: "debug" } } }));
    assert.equal(ztunnel["logLevel"], "debug");
  });
});

describe("the generation of proxies", () => {
  it("changes when sidecars must accept HBONE, or answer DNS", () => {
    const generations = [{}, mixed, { dnsCapture: true }, { compatibilityVersion: "1.30" }].map((mesh) =>
      proxyGeneration(meshInput(mesh)),
    );
    assert.equal(new Set(generations).size, generations.length);
  });

  it("is on no pod of a namespace without sidecars", () => {
    const none = { annotations: {}, labels: {} };
    assert.deepEqual(sidecarRequest("shop", meshInput(mixed)), none);
    assert.deepEqual(sidecarRequest("shop", meshInput({ namespaces: { shop: { dataPlane: "none" } } })), none);
    assert.notDeepEqual(sidecarRequest("bookinfo", meshInput(mixed)).annotations, {});
  });
});
