import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { versions } from "../../components/settings/versions";
import { chartDigest } from "../../components/shared/helm-release";

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

  it("can be replaced by another version in its folder, for Istio's charts and for addons", () => {
    const next = /: put that version there, or next to it as 2\.27\.0\/.*charts\.source .*charts\.addons /;
    assert.throws(
      () => chartDigest(folder, "2.27.0"),
      (error: Error) => {
        assert.match(error.message, next);
        assert.doesNotMatch(error.message, /mesh\.version/);
        return true;
      },
    );
  });

  it("is accepted for every version where it is a stand-in chart", () => {
    assert.equal(chartDigest(folder, undefined), chartDigest(folder, versions.istio));
  });

  it("is refused where there is none, with what the folder must hold", () => {
    assert.throws(
      () => chartDigest(path.join(folder, "nothing"), "1.31.1"),
      /there is no chart in .*one folder for each chart/,
    );
  });
});
