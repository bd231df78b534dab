import assert from "node:assert/strict";
import type { ApiServer, LiveObject } from "../../../components/shared/kubernetes/api-server";
import { ApiError } from "../../../components/shared/kubernetes/errors";
import {
  certificateFinding,
  healthRequest,
  meshHealth,
  plainTextFindings,
  syncFindingsOf,
  versionFindings,
} from "../../../components/verification/health/health";
import { shopModel } from "../../support/policy-models";

/** A certificate that ends on 2036-01-01. */
const root = `-----BEGIN CERTIFICATE-----
MIIBFzCBvgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQKDA1jbHVzdGVyLmxvY2Fs
MB4XDTI2MDEwMTAwMDAwMFoXDTM2MDEwMTAwMDAwMFowGDEWMBQGA1UECgwNY2x1
c3Rlci5sb2NhbDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIxd9jTGLART1T5s
TJxJsl/cQB84TVcY2Hy7/6dB61Kc5EIPtTv8KtmslJOQKw/shwyABFUgLHL49FE9
pTi6wo8wCgYIKoZIzj0EAwIDSAAwRQIhANNUBYIgKohNXhJ0oh+dEojiFbzjbnVE
ESoAUHuJ7K8yAiBg1aoEvcSHUDI2fJRYC46uq5/V6Q1NsXwohpgLykd0Ng==
-----END CERTIFICATE-----
`;

describe("the health of a mesh", () => {
  it("names proxies that have not acknowledged what istiod sent them, with the resources", () => {
    const state = {
      proxy: "front.shop",
      cluster_sent: "1/a",
      cluster_acked: "1/a",
      listener_sent: "",
      route_sent: "2/b",
    };
    assert.deepEqual(syncFindingsOf([{ ...state, route_acked: "2/b" }]), [
      { level: "ok", subject: "proxies in sync", message: "1 proxies have the configuration that istiod sent" },
    ]);
    const [late] = syncFindingsOf([state, { ...state, proxy: "b", route_acked: "1/a" }, { proxy: "c" }]);
    assert.equal(late?.level, "warning");
    assert.equal(
      late?.message,
      "2 of 3 proxies have not acknowledged their configuration: front.shop (route), b (route)",
    );
  });

  it("names what a proxy has refused, as newer releases of istiod report it", () => {
    const type = "type.googleapis.com/envoy.config.listener.v3.Listener";
    const state = (more: object) => ({
      proxy: "front.shop",
      resources: { [type]: { sent: "2", acked: "2", ...more } },
    });
    const [late] = syncFindingsOf([state({ acked: "1" }), state({ lastError: "duplicate listener" }), state({})]);
    assert.match(
      late?.message ?? "",
      /^2 of 3 .*: front.shop \(Listener\), front.shop \(Listener: duplicate listener\)$/,
    );
  });

  it("names proxies of another version, and pods without the proxy that they should have", () => {
    const proxy = {
      namespace: "shop",
      pod: "front-1",
      revision: "default",
      version: "1.30.0",
      completed: true,
      ready: true,
    };
    const plane = {
      name: "istiod",
      namespace: "istio-system",
      revision: "default",
      version: "1.31.1",
      missing: undefined,
    };
    const found = versionFindings({
      controlPlanes: [plane],
      proxies: [{ ...proxy, controlPlane: "1.31.1", problem: "older than its control plane: restart it" }],
      agents: [],
      bare: ["a", "b", "c", "d", "e", "f"].map((pod) => ({ namespace: "shop", pod })),
    });
    assert.deepEqual(
      found.map(({ level, message }) => [level, message]),
      [
        ["warning", "shop/front-1: older than its control plane: restart it"],
        ["error", "without the proxy that they should have: shop/a, shop/b, shop/c, shop/d, shop/e, and 1 more"],
      ],
    );
  });

  it("warns 30 days before the root certificate ends", () => {
    const at = (day: string) => certificateFinding("the root", root, Date.parse(`${day}T00:00:00Z`));
    assert.equal(at("2035-01-01").level, "ok");
    assert.equal(at("2035-12-15").level, "warning");
    assert.match(at("2035-12-15").message, /ends on 2036-01-01, in 1[67] days/);
    assert.equal(at("2036-02-01").level, "error");
    assert.equal(certificateFinding("the root", undefined, 0).level, "not known");
  });

  describe("plain text", () => {
    const { workloads } = healthRequest(shopModel({}));
    let created = 0;
    const policy = (namespace: string, spec: object): LiveObject => {
      const creationTimestamp = `2026-11-01T00:00:${String(created++).padStart(2, "0")}Z`;
      const metadata = { name: `p${created}`, namespace, uid: "1", resourceVersion: "1", creationTimestamp };
      return { apiVersion: "security.istio.io/v1", kind: "PeerAuthentication", metadata, spec: { ...spec } };
    };
    const strict = policy("istio-system", { mtls: { mode: "STRICT" } });
    const found = (...objects: LiveObject[]) => plainTextFindings({ workloads }, objects).map(({ message }) => message);

    it("is accepted by every workload where the cluster has no PeerAuthentication, whatever the settings say", () => {
      const [message = ""] = found();
      assert.ok(
        workloads.every(({ title }) => message.includes(`${title} (PERMISSIVE)`)),
        message,
      );
      assert.deepEqual(found(strict), ["every workload refuses plain text"]);
    });

    it("is judged by the objects of the cluster: the narrowest, and of several the oldest", () => {
      const selector = { matchLabels: workloads.find(({ title }) => title === "shop/ratings")?.labels };
      const ratings = policy("shop", { selector, portLevelMtls: { 9080: { mode: "DISABLE" } } });
      assert.deepEqual(found(strict, ratings), ["accepted by shop/ratings (DISABLE at 9080)"]);
      const newer = policy("shop", { selector, mtls: { mode: "PERMISSIVE" } });
      assert.deepEqual(found(strict, newer, ratings), ["accepted by shop/ratings (DISABLE at 9080)"]);
      const shop = policy("shop", { mtls: { mode: "PERMISSIVE" } });
      const mine = policy("shop", { selector, mtls: { mode: "STRICT" } });
      assert.ok(
        !found(strict, shop, mine)[0]?.includes("ratings") && found(strict, shop, mine)[0]?.includes("PERMISSIVE"),
      );
      assert.deepEqual(found(strict, policy("shop", { mtls: { mode: "UNSET" } })), [
        "every workload refuses plain text",
      ]);
    });

    it("is accepted outside the mesh", () => {
      const outside = workloads.slice(0, 1).map((one) => ({ ...one, title: "shop/old", inMesh: false }));
      assert.match(
        plainTextFindings({ workloads: outside }, [strict])[0]?.message ?? "",
        /shop\/old \(outside the mesh\)/,
      );
    });
  });

  describe("of a cluster", () => {
    const at = (kind: string, name: string, more: object, namespace = "istio-system"): LiveObject => ({
      apiVersion: "v1",
      kind,
      metadata: { name, namespace, uid: "1", resourceVersion: "1" },
      ...more,
    });
    const proxy = { name: "istio-proxy", image: "istio/proxyv2:1.30.0" };
    const istiod = at("Deployment", "istiod", {
      metadata: {
        ...{ name: "istiod", namespace: "istio-system", uid: "1", resourceVersion: "1" },
        labels: { app: "istiod", "app.kubernetes.io/version": "1.31.1" },
      },
      spec: { replicas: 1 },
    });
    const pods = [
      at("Pod", "front-1", { spec: { containers: [proxy] }, status: { phase: "Running" } }, "shop"),
      at("Pod", "bare-1", { spec: { containers: [{ name: "app" }] }, status: { phase: "Running" } }, "shop"),
    ];
    const shop = {
      ...at("Namespace", "shop", {}),
      metadata: { ...at("Namespace", "shop", {}).metadata, labels: { "istio-injection": "enabled" } },
    };
    const lists = new Map([
      ["Deployment", [istiod]],
      ["Pod", pods],
      ["Namespace", [shop]],
    ]);
    const objects = new Map([
      ["ConfigMap istio-ca-root-cert", at("ConfigMap", "istio-ca-root-cert", { data: { "root-cert.pem": root } })],
      [
        "Secret cacerts",
        at("Secret", "cacerts", { data: { "ca-cert.pem": Buffer.from(`\n${root}`).toString("base64") } }),
      ],
    ]);
    const server = {
      list: ({ kind, namespace }: { kind: string; namespace?: string }, { labelSelector = "" } = {}) =>
        Promise.resolve(
          labelSelector.includes("istio.io/rev=")
            ? []
            : (lists.get(kind) ?? []).filter(({ metadata }) => !namespace || metadata.namespace === namespace),
        ),
      get: ({ kind, name }: { kind: string; name: string }) => Promise.resolve(objects.get(`${kind} ${name}`)),
    };
    const ask = (more: Partial<typeof server> = {}) =>
      meshHealth(healthRequest(shopModel({})), {
        server: { ...server, ...more } as unknown as ApiServer,
        now: Date.parse("2035-12-15T00:00:00Z"),
      });
    const levels = (found: Awaited<ReturnType<typeof ask>>) =>
      found.map(({ level, subject }) => `${subject}: ${level}`);

    it("names an old proxy, a pod without one, certificates that end, and workloads that accept plain text", async () => {
      const found = await ask();
      assert.deepEqual(levels(found), [
        ...["proxies in sync: not known", "versions: warning", "outside the mesh: error"],
        ...["certificates: warning", "plain text: warning"],
      ]);
      assert.match(found[1]?.message ?? "", /shop\/front-1: older than its control plane/);
      assert.match(found[2]?.message ?? "", /shop\/bare-1/);
    });

    it("also looks at the certificate that istiod signs with, where it is not the root", async () => {
      const other = Buffer.from(`${root}${root}`).toString("base64");
      const signing = at("Secret", "cacerts", { data: { "ca-cert.pem": other } });
      const found = await ask({
        get: (one) => (one.name === "cacerts" ? Promise.resolve(signing) : server.get(one)),
      });
      const messages = found
        .filter(({ subject }) => subject === "certificates")
        .map(({ message }) => message.slice(0, 30));
      assert.deepEqual(messages, ["the root certificate of the me", "the certificate that istiod si"]);
    });

    it("without a control plane is not in order", async () => {
      const found = await ask({ list: () => Promise.resolve([]) });
      assert.deepEqual(levels(found).slice(0, 2), ["proxies in sync: not known", "versions: error"]);
      assert.deepEqual(
        found.slice(0, 2).map(({ message }) => message),
        ["the cluster has no istiod that is ready", "the cluster has no istiod"],
      );
    });

    it("is not known, and no error, where the login may not see it", async () => {
      const refuse = () => Promise.reject(new ApiError(403, "forbidden"));
      assert.deepEqual(
        levels(await ask({ list: refuse, get: refuse })),
        ["proxies in sync", "versions", "certificates", "plain text"].map((subject) => `${subject}: not known`),
      );
    });
  });
});
