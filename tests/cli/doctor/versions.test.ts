import assert from "node:assert/strict";
import { examine } from "../../../cli/doctor/doctor";
import { supportFinding, versionChecks } from "../../../cli/doctor/versions";
import { supportLeft, supportOf } from "../../../components/settings/support";
import { istioReleases, talosReleases } from "../../../components/settings/versions";
import { nextVersions } from "../../../components/validation/versions";
import { about, existingCluster, lines, modelOf, context, talosCluster } from "./contexts";

describe("the doctor of versions", () => {
  it("knows until when each supported release is supported, but for the newest", () => {
    const older = (releases: ReadonlyMap<string, unknown>) => [...releases.keys()].slice(0, -1);
    for (const minor of older(istioReleases)) assert.ok(supportOf.Istio.ends.has(minor), `Istio ${minor}`);
    // Talos supports a release until the next one.
    for (const minor of older(talosReleases).slice(0, -1)) assert.ok(supportOf.Talos.ends.has(minor), `Talos ${minor}`);
    for (const [, { kubernetes }] of istioReleases) {
      for (const minor of kubernetes) assert.ok(supportOf.Kubernetes.ends.has(minor), `Kubernetes ${minor}`);
    }
    for (const { ends } of Object.values(supportOf)) {
      for (const [release, end] of ends) assert.ok(!Number.isNaN(Date.parse(end)), release);
    }
  });

  it("counts the last day as supported, and warns from 60 days on", () => {
    const at = (day: string) => supportFinding("Kubernetes", "v1.34.2", Date.parse(day), "s");
    assert.equal(at("2026-08-01").level, "ok");
    assert.match(at("2026-09-01").message, /^supported until 2026-10-27, 57 days left$/);
    assert.equal(at("2026-10-27T23:59:00Z").level, "warning");
    assert.match(at("2026-10-27T23:59:00Z").message, /1 day left/);
    assert.match(at("2026-10-28").message, /^out of support since 2026-10-27: it gets no fixes$/);
    assert.match(at("2026-10-28").next ?? "", /npm run upgrade -- --stack s --kubernetes VERSION/);
    assert.equal(supportLeft("Node.js", "22.1.0", 0)?.end, "2027-04-30");
    assert.equal(supportFinding("Istio", "1.99.0", 0, "s").level, "ok");
  });

  it("says what each product can be upgraded to, and what has to be upgraded before", async () => {
    const next = (cluster: object, mesh: object) =>
      nextVersions(modelOf(cluster, mesh)).map(({ product, next: to, obstacles }) =>
        [product, to, ...obstacles].join(" "),
      );
    assert.deepEqual(next(talosCluster, { version: "1.22.1" }), ["Istio 1.23", "Talos 1.8", "Kubernetes 1.30"]);
    const last = { ...talosCluster, talosVersion: "v1.13.9", kubernetesVersion: "v1.36.3" };
    assert.deepEqual(next(last, { version: "1.31.1" }), [
      "Istio ",
      "Talos 1.14",
      "Kubernetes 1.37 Istio 1.31.1 supports 1.32 to 1.36 Talos v1.13.9 supports 1.31 to 1.36",
    ]);
    const old = { ...talosCluster, talosVersion: "v1.10.1", kubernetesVersion: "v1.28.4" };
    assert.deepEqual(
      next(old, { version: "1.24.6" })[1],
      "Talos 1.11 it supports Kubernetes 1.29 to 1.34, and the cluster has v1.28.4",
    );
    assert.deepEqual(next(existingCluster, { version: "1.30.3" }), ["Istio 1.31"]);
    const findings = lines(await examine(context(), about(versionChecks, "upgrade")));
    assert.ok(findings.includes("warning: Istio 1.22.1: older than the patch release 1.22.8"), findings.join("\n"));
    assert.ok(findings.includes("ok: Istio 1.22.1: can be upgraded: npm run upgrade -- --stack some --istio 1.23.6"));
    assert.ok(findings.includes("ok: Talos v1.7.4: can be upgraded: npm run upgrade -- --stack some --talos v1.8.4"));
  });

  it("names versions that validation accepts: upgrading to each of them gives a valid stack", () => {
    for (const [version] of istioReleases) {
      const release = istioReleases.get(version);
      if (!release) continue;
      for (const talos of talosReleases) {
        const kubernetes = release.kubernetes[1];
        const cluster = { ...talosCluster, talosVersion: `v${talos[0]}.0`, kubernetesVersion: `v${kubernetes}.1` };
        let model;
        try {
          model = modelOf(cluster, { version: release.newest });
        } catch {
          continue;
        }
        for (const { product, next, obstacles } of nextVersions(model)) {
          if (next === undefined || product === "Istio") continue;
          const field = product === "Talos" ? "talosVersion" : "kubernetesVersion";
          const upgraded = () => modelOf({ ...cluster, [field]: `v${next}.0` }, { version: release.newest });
          if (obstacles.length > 0)
            assert.throws(upgraded, /does not go with|supports/, `${product} ${next} of Istio ${version}`);
          else assert.ok(upgraded(), `${product} ${next} of Istio ${version}`);
        }
      }
    }
  });
});
