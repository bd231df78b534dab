import assert from "node:assert/strict";
import type { z } from "zod";
import { auditProvider, policyMeshConfig, sidecarScoping } from "../../components/model/mesh-config";
import { mesh as meshSection } from "../../components/settings/sections/mesh";
import { security } from "../../components/settings/sections/security";
import { telemetry as telemetrySection } from "../../components/settings/sections/telemetry";
import { traffic } from "../../components/settings/sections/traffic";

const mesh = meshSection.parse({ version: "1.31.1" });
const telemetry = telemetrySection.parse({});

describe("istiod's mesh config for policies", () => {
  it("is empty where no policy needs it", () => {
    assert.deepEqual(
      policyMeshConfig({ mesh, telemetry, traffic: traffic.parse({}), security: security.parse({}) }),
      {},
    );
  });

  it("has the retries of the mesh, and the authorizers as they are", () => {
    const opa = { name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191, timeout: "1s" } };
    assert.deepEqual(
      policyMeshConfig({
        mesh,
        telemetry,
        traffic: traffic.parse({ defaultRetries: { attempts: 2, retryOn: "5xx" } }),
        security: security.parse({ extensionProviders: [opa] }),
      }),
      { defaultHttpRetryPolicy: { attempts: 2, retryOn: "5xx" }, extensionProviders: [opa] },
    );
  });

  it("has the providers of telemetry, whose services scoped sidecars know", () => {
    const otel = { name: "otel", envoyOtelAls: { service: "otel.otel.svc.cluster.local", port: 4317 } };
    const settings = {
      mesh: meshSection.parse({ version: "1.31.1", sidecarScoping: true }),
      telemetry: telemetrySection.parse({ extensionProviders: [otel, { name: "other", prometheus: {} }] }),
      traffic: traffic.parse({}),
      security: security.parse({}),
    };
    assert.deepEqual(policyMeshConfig(settings).extensionProviders, [otel, { name: "other", prometheus: {} }]);
    assert.deepEqual(sidecarScoping(settings), { proxyServices: ["*/otel.otel.svc.cluster.local"] });
  });

  it("merges slashes where a rule names paths, and only there", () => {
    const form = (given: z.input<typeof security>, inMesh: object = {}) =>
      policyMeshConfig({
        mesh: meshSection.parse({ version: "1.31.1", ...inMesh }),
        telemetry,
        traffic: traffic.parse({}),
        security: security.parse(given),
      }).pathNormalization?.normalization;
    const paths = ["/admin*"];
    assert.equal(form({ authorization: { deny: [{ to: "front", methods: ["GET"] }] } }), undefined);
    for (const list of ["allow", "deny", "audit"] as const) {
      assert.equal(form({ authorization: { [list]: [{ to: "front", paths }] } }), "MERGE_SLASHES", list);
    }
    assert.equal(form({ authorization: { external: [{ to: "front", provider: "opa", paths }] } }), "MERGE_SLASHES");
    const deny: z.input<typeof security> = { authorization: { deny: [{ to: "front", paths }] } };
    const decoding = "DECODE_AND_MERGE_SLASHES";
    assert.equal(form({ jwt: [{ workload: "front", issuer: "https://a.example", paths }] }), "MERGE_SLASHES");
    assert.equal(
      form({ jwt: [{ workload: "front", issuer: "https://a.example", notPaths: ["/health"] }] }),
      "MERGE_SLASHES",
    );
    assert.equal(form({}, { pathNormalization: "NONE" }), "NONE");
    assert.equal(form(deny, { pathNormalization: decoding }), decoding);
    const istiod = { meshConfig: { pathNormalization: { normalization: decoding } } };
    assert.equal(form(deny, { values: { istiod } }), decoding);
  });

  it("merges slashes for a policy that the user wrote out", () => {
    const spec = { action: "DENY", rules: [{ to: [{ operation: { paths: ["/admin*"] } }] }] };
    const objects = (kind: string) => [{ apiVersion: "v1", kind, metadata: { name: "a" }, spec: spec as never }];
    const form = (kind: string) =>
      policyMeshConfig({
        mesh,
        telemetry,
        traffic: traffic.parse({}),
        security: security.parse({}),
        objects: objects(kind),
      }).pathNormalization?.normalization;
    assert.equal(form("AuthorizationPolicy"), "MERGE_SLASHES");
    assert.equal(form("EnvoyFilter"), undefined);
  });

  it("has a log for audit rules, next to other providers", () => {
    const given = security.parse({
      extensionProviders: [{ name: "opa", envoyExtAuthzHttp: { service: "opa.example", port: 80 } }],
      authorization: { audit: [{ to: "ratings" }] },
    });
    const { extensionProviders = [] } = policyMeshConfig({
      mesh,
      telemetry,
      traffic: traffic.parse({}),
      security: given,
    });
    assert.deepEqual(
      extensionProviders.map((provider) => (provider as { name: string }).name),
      ["opa", auditProvider],
    );
  });

  it("has a log for audit rules that names the caller, by a sidecar and by a waypoint", () => {
    const given = security.parse({ authorization: { audit: [{ to: "ratings" }] } });
    const [log] =
      policyMeshConfig({ mesh, telemetry, traffic: traffic.parse({}), security: given }).extensionProviders ?? [];
    const { labels } = (log as { envoyFileAccessLog: { logFormat: { labels: Record<string, string> } } })
      .envoyFileAccessLog.logFormat;
    assert.equal(labels.peer, "%DOWNSTREAM_PEER_URI_SAN%");
    assert.equal(labels.peer_at_waypoint, "%FILTER_STATE(io.istio.peer_principal:PLAIN)%");
  });
});
