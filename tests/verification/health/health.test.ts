import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { analysisFindings, analysisFindingsOf } from "../../../components/verification/health/analysis";
import {
  healthRequest,
  rootFinding,
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
    const at = (day: string) => rootFinding(root, Date.parse(`${day}T00:00:00Z`));
    assert.equal(at("2035-01-01").level, "ok");
    assert.equal(at("2035-12-15").level, "warning");
    assert.match(at("2035-12-15").message, /ends on 2036-01-01, in 1[67] days/);
    assert.equal(at("2036-02-01").level, "error");
    assert.equal(rootFinding(undefined, 0).level, "not known");
  });

  it("lists the workloads that accept plain text, by port too", () => {
    const strict = shopModel({
      security: { peerAuthentication: [{ workload: "ratings", ports: { 9080: "DISABLE" } }] },
    });
    assert.deepEqual(healthRequest(strict).plainText, ["shop/ratings (DISABLE)"]);
    assert.deepEqual(healthRequest(shopModel({}, { mtls: "PERMISSIVE" })).plainText.length, 3);
  });

  describe("istioctl analyze", () => {
    let folder: string;
    const before = process.env.PATH;
    beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-istioctl-"))));
    afterEach(() => {
      process.env.PATH = before;
      rmSync(folder, { recursive: true, force: true });
    });

    function install(script: string): void {
      const program = path.join(folder, "istioctl");
      writeFileSync(program, `#!/bin/sh\n${script}\n`);
      chmodSync(program, 0o755);
      process.env.PATH = `${folder}:${before}`;
    }

    it("is not asked where it is not on PATH", async () => {
      process.env.PATH = folder;
      assert.deepEqual(await analysisFindings("kubeconfig", {}), []);
    });

    it("reports errors and warnings although it then fails, and gets the kubeconfig in a file", async () => {
      const message = { code: "IST0101", level: "Error", message: "no such host", origin: "VirtualService shop/a" };
      install(
        `[ "$(cat "$6")" = secret ] && echo '${JSON.stringify([message, { ...message, level: "Info" }])}'; exit 79`,
      );
      assert.deepEqual(await analysisFindings("secret", {}), [
        { level: "error", subject: "analysis", message: "IST0101 VirtualService shop/a: no such host" },
      ]);
    });

    it("is not known where it cannot run", async () => {
      install("echo 'Error: no cluster' >&2; exit 1");
      const [found] = await analysisFindings("secret", {});
      assert.equal(found?.level, "not known");
      assert.match(found?.message ?? "", /istioctl analyze/);
      assert.equal(analysisFindingsOf("✔ No validation issues")[0]?.level, "not known");
      assert.equal(analysisFindingsOf("[]\n")[0]?.level, "ok");
    });
  });
});
