import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { versions } from "../../components/settings/versions";
import { chartDigest, missingCharts } from "../../components/shared/chart-source";

describe("a chart in a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-chart-"));
    cpSync("embedded/charts/istiod", folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is identified by its content and not by its path", () => {
    assert.equal(chartDigest(folder, versions.istio), chartDigest("./embedded/charts/istiod", versions.istio));
  });

  it("is a different one when a file is changed, added or renamed", () => {
    const digests = new Set([chartDigest(folder, versions.istio)]);
    writeFileSync(path.join(folder, "templates", "new.yaml"), "a: 1\n");
    digests.add(chartDigest(folder, versions.istio));
    writeFileSync(path.join(folder, "templates", "new.yaml"), "a: 2\n");
    digests.add(chartDigest(folder, versions.istio));
    rmSync(path.join(folder, "templates", "new.yaml"));
    writeFileSync(path.join(folder, "templates", "other.yaml"), "a: 2\n");
    digests.add(chartDigest(folder, versions.istio));
    assert.equal(digests.size, 4);
  });

  it("is refused where its version is not the one that the settings request", () => {
    assert.throws(() => chartDigest(folder, "1.30.0"), /is of version 1\.31\.1, and the settings request 1\.30\.0/);
  });

  it("is accepted for every version where it is a stand-in chart", () => {
    assert.equal(chartDigest(folder, undefined), chartDigest(folder, versions.istio));
  });

  it("is refused where there is none", () => {
    assert.throws(() => chartDigest(path.join(folder, "nothing"), "1.31.1"), /nothing is of version \(none\)/);
  });
});

describe("a folder of charts", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-charts-"));
    cpSync("embedded/charts/istiod", path.join(folder, "istiod"), { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("lacks the charts that it does not have, or has in another version", () => {
    const charts = [
      { name: "istiod", version: versions.istio },
      { name: "istiod", version: "1.30.2" },
      { name: "kiali-server", version: "2.27.0" },
    ];
    assert.deepEqual(missingCharts(folder, charts), [`istiod 1.30.2 (found ${versions.istio})`, "kiali-server 2.27.0"]);
  });

  it("may have each version in a folder of its own", () => {
    const old = path.join(folder, "1.30.2", "istiod");
    cpSync(path.join(folder, "istiod"), old, { recursive: true });
    writeFileSync(path.join(old, "Chart.yaml"), "name: istiod\nversion: 1.30.2\n");
    const charts = ["1.30.2", versions.istio].map((version) => ({ name: "istiod", version }));
    assert.deepEqual(missingCharts(`${folder}/`, charts), []);
  });
});
