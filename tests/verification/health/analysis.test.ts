import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { LiveObject } from "../../../components/shared/kubernetes/api-server";
import { analysisFindings, analysisFindingsOf } from "../../../components/verification/health/analysis";

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

  it("ends with what it has started after its time, and what it printed until then is no result", async () => {
    install("echo '[]'; sleep 300 & sleep 300");
    const start = Date.now();
    const [found] = await analysisFindings("secret", { timeoutMs: 500 });
    assert.equal(found?.level, "not known");
    assert.match(found?.message ?? "", /took more than 0.5 s/);
    assert.ok(Date.now() - start < 8000);
  });

  it("leaves out what is about clients of probes, and Telemetries with targetRefs as a conflict", () => {
    const conflict = (names: string) => ({
      ...{ code: "IST0160", level: "Error", origin: "Telemetry istio-system/a" },
      message: `The Telemetries [${names}] in namespace "istio-system" have no workload selector, which can lead to undefined behavior.`,
    });
    const telemetry = (name: string, spec: object): LiveObject => ({
      ...{ apiVersion: "telemetry.istio.io/v1", kind: "Telemetry", spec: { ...spec } },
      metadata: { name, namespace: "istio-system", uid: "1", resourceVersion: "1" },
    });
    const telemetries = [telemetry("a", {}), telemetry("b", { targetRefs: [{ name: "w" }] }), telemetry("c", {})];
    const client = {
      code: "IST0103",
      level: "Warning",
      origin: "Pod shop/talos-mesh-probe-front",
      message: "no sidecar",
    };
    const found = (...messages: object[]) => analysisFindingsOf(JSON.stringify(messages), telemetries);
    assert.deepEqual(
      found(conflict("a b"), client).map(({ level, message }) => [level, message.slice(0, 40)]),
      [
        ["ok", "istioctl analyze finds nothing"],
        ["ok", "1 findings IST0160 are left out: they co"],
      ],
    );
    assert.equal(found(conflict("a b c"))[0]?.level, "error", "a and c do conflict");
    assert.equal(found(conflict("a gone"))[0]?.level, "error", "which is not known any more");
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
