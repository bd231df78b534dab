import assert from "node:assert/strict";
import { auditProvider, policyMeshConfig } from "../../components/model/mesh-config";
import { security } from "../../components/settings/sections/security";
import { traffic } from "../../components/settings/sections/traffic";

describe("istiod's mesh config for policies", () => {
  it("is empty where no policy needs it", () => {
    assert.deepEqual(policyMeshConfig({ traffic: traffic.parse({}), security: security.parse({}) }), {});
  });

  it("has the retries of the mesh, and the authorizers as they are", () => {
    const opa = { name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191, timeout: "1s" } };
    assert.deepEqual(
      policyMeshConfig({
        traffic: traffic.parse({ defaultRetries: { attempts: 2, retryOn: "5xx" } }),
        security: security.parse({ extensionProviders: [opa] }),
      }),
      { defaultHttpRetryPolicy: { attempts: 2, retryOn: "5xx" }, extensionProviders: [opa] },
    );
  });

  it("has a log for audit rules, next to other providers", () => {
    const given = security.parse({
      extensionProviders: [{ name: "opa", envoyExtAuthzHttp: { service: "opa.example", port: 80 } }],
      authorization: { audit: [{ to: "ratings" }] },
    });
    const { extensionProviders = [] } = policyMeshConfig({ traffic: traffic.parse({}), security: given });
    assert.deepEqual(
      extensionProviders.map((provider) => (provider as { name: string }).name),
      ["opa", auditProvider],
    );
  });

  it("has a log for audit rules that names the caller, by a sidecar and by a waypoint", () => {
    const given = security.parse({ authorization: { audit: [{ to: "ratings" }] } });
    const [log] = policyMeshConfig({ traffic: traffic.parse({}), security: given }).extensionProviders ?? [];
    const { labels } = (log as { envoyFileAccessLog: { logFormat: { labels: Record<string, string> } } })
      .envoyFileAccessLog.logFormat;
    assert.equal(labels.peer, "%DOWNSTREAM_PEER_URI_SAN%");
    assert.equal(labels.peer_at_waypoint, "%FILTER_STATE(io.istio.peer_principal:PLAIN)%");
  });
});
