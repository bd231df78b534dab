import assert from "node:assert/strict";
import { benchmarkRequest } from "../../../components/benchmark/run/request";
import { environmentImages } from "../../../components/images";
import { imageName, imageNames } from "../../../components/model/images";
import { validate } from "../../../components/validation/validate";

function settingsOf(sections: object) {
  const raw = { environment: "dev", cluster: { kind: "embedded", name: "test" }, mesh: { version: "1.31.1" } };
  const { settings } = validate({ ...raw, benchmark: {}, ...sections }, { secretNames: ["pull"] });
  assert.ok(settings.benchmark);
  return { ...settings, benchmark: settings.benchmark };
}

const digest = `sha256:${"1".repeat(64)}`;

describe("the request of a benchmark", () => {
  it("names images as they are pulled: under the hub, from the mirror, by digest, and those of the settings too", () => {
    const images = {
      hub: "hub.example.com/istio",
      mirrors: { "docker.io": "mirror.example.com", "quay.io/me": "mirror.example.com/me" },
      digests: { fortio: digest },
    };
    const { settings } = benchmarkRequest(
      "test",
      settingsOf({ images, benchmark: { images: { iperf3: "quay.io/me/iperf:1" } } }),
    );
    assert.deepEqual(settings.images, {
      fortio: `mirror.example.com/fortio/fortio:1.66.0@${digest}`,
      iperf3: "mirror.example.com/me/iperf:1",
      details: "hub.example.com/istio/examples-bookinfo-details-v1:1.20.3",
    });
  });

  it("pulls what the list of the environment's images has, each under a name that a digest can be given for", () => {
    for (const [preset, count] of [
      ["istio-tools", 2],
      ["article", 3],
    ] as const) {
      const settings = settingsOf({
        benchmark: { preset },
        images: { mirrors: { "docker.io": "mirror.example.com" } },
      });
      const listed = environmentImages(settings).filter(({ component }) => component === "benchmark");
      const images = Object.values(benchmarkRequest("test", settings).settings.images);
      assert.deepEqual(
        listed.map(({ image }) => image),
        images.slice(0, count),
      );
      for (const { source } of listed) {
        assert.match(source, /^docker\.io\//);
        assert.ok(imageNames.includes(imageName(source)), source);
      }
    }
  });

  it("has the names of pull secrets and never what is in them", () => {
    const images = { pullPolicy: "Always", pullSecrets: [{ name: "registry", dockerConfigJson: { secret: "pull" } }] };
    assert.deepEqual(benchmarkRequest("test", settingsOf({ images })).pull, {
      policy: "Always",
      secrets: ["registry"],
    });
  });

  it("knows Grafana's namespace where there is a Grafana", () => {
    assert.equal(benchmarkRequest("test", settingsOf({})).grafana, undefined);
    const observability = { namespace: "watch", prometheus: {}, grafana: {} };
    assert.deepEqual(benchmarkRequest("test", settingsOf({ observability })).grafana, { namespace: "watch" });
  });
});
