import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import fc from "fast-check";
import { environmentImages } from "../../../components/images";
import { imageName, imageNames, imageReference, mirrored } from "../../../components/model/images";
import { validate } from "../../../components/validation/validate";
import type { Settings } from "../../../components/settings/schema";
import { readStack } from "../../../components/validation/stack";
import { projectRoot, runStack } from "../../support/program";
import { stacks } from "../../settings/stack-files";

const stackFile = path.join(projectRoot, "tests/fixtures/good/gateways-everything.yaml");
const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

function settings(sections: object = {}): Settings {
  const raw = { environment: "dev", cluster: { kind: "embedded", name: "test" }, mesh: { version: "1.31.1" } };
  return validate({ ...raw, ...sections }, { secretNames: [] }).settings;
}

/** What is pulled, by component. */
function pulled(given: Settings): string[] {
  return environmentImages(given).map(({ component, image }) => `${component} ${image}`);
}

/** Every `image:` of the pods that a program makes itself. */
function imagesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(imagesOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "image" && typeof inner === "string" ? [inner] : imagesOf(inner),
  );
}

describe("a mirror", () => {
  it("replaces the longest beginning that ends where a part of the name does", () => {
    const mirrors = {
      "docker.io": "a.example.com",
      "docker.io/istio": "b.example.com:5000/mesh",
      localhost: "c.example.com",
    };
    const mirrorOf = (name: string) => mirrored({ mirrors }, name);
    assert.equal(mirrorOf("docker.io/grafana/grafana:13.2.0"), "a.example.com/grafana/grafana:13.2.0");
    assert.equal(mirrorOf("docker.io/istio/pilot:1.31.1"), "b.example.com:5000/mesh/pilot:1.31.1");
    assert.equal(mirrorOf("docker.io/istio"), "b.example.com:5000/mesh");
    assert.equal(mirrorOf("docker.io/istiocon/x:1"), "a.example.com/istiocon/x:1");
    assert.equal(mirrorOf("localhost:5000/x:1"), "localhost:5000/x:1");
    assert.equal(mirrorOf("quay.io/kiali/kiali:v2.27.0"), "quay.io/kiali/kiali:v2.27.0");
  });

  it("changes the beginning and nothing else, and a digest comes behind the tag", () => {
    const part = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);
    const image = fc.tuple(part, part, part).map(([a, b, c]) => `${a}.example.com/${b}/${c}:1.2.3`);
    fc.assert(
      fc.property(image, part, fc.boolean(), (name, target, byDigest) => {
        const prefix = name.slice(0, name.lastIndexOf("/"));
        const digests = byDigest ? { [imageName(name)]: digest("1") } : {};
        const reference = imageReference({ mirrors: { [prefix]: `${target}.example.com` }, digests }, name);
        const end = name.slice(name.lastIndexOf("/"));
        assert.equal(reference, `${target}.example.com${end}${byDigest ? `@${digest("1")}` : ""}`);
      }),
      { seed: 5, numRuns: 100 },
    );
  });
});

describe("the images of an environment", function () {
  this.timeout(60_000);

  it("are those of its own pods and of its charts' values, each from where it is pulled", async () => {
    const given = readStack(projectRoot, stackFile).settings;
    const run = await runStack({
      stack: "images",
      configFile: stackFile,
      overrides: { charts: { source: "./embedded/charts" } },
    });
    const inPods = run.byType("Deployment").flatMap(({ inputs }) => imagesOf(inputs));
    const inValues = run.byType("kubernetes:helm.sh/v3:Release").flatMap(({ inputs }) => imagesOf(inputs.values));
    const listed = environmentImages(given).map(({ image }) => image);
    assert.ok(inPods.length >= 7 && inValues.length >= 4, `${inPods.length} in pods, ${inValues.length} in values`);
    assert.deepEqual([...new Set(listed)].sort(), [...new Set([...inPods, ...inValues])].sort());
    assert.deepEqual(
      environmentImages(given).filter(({ image }) => !image.startsWith("registry.example.com:5000/")),
      [],
    );
  });

  it("have names that a digest can be given for", () => {
    for (const stack of stacks) {
      for (const { source } of environmentImages(
        readStack(projectRoot, path.join(projectRoot, `Pulumi.${stack}.yaml`)).settings,
      )) {
        assert.ok(imageNames.includes(imageName(source)), source);
      }
    }
  });

  it("follow hub, mirror, digest and the charts' own values", () => {
    const { mesh, images } = { mesh: { version: "1.31.1" }, images: { hub: "hub.example.com/istio" } };
    assert.deepEqual(environmentImages(settings({ mesh, images })), [
      { component: "istiod", image: "hub.example.com/istio/pilot:1.31.1", source: "docker.io/istio/pilot:1.31.1" },
      { component: "proxies", image: "hub.example.com/istio/proxyv2:1.31.1", source: "docker.io/istio/proxyv2:1.31.1" },
      {
        component: "istio-cni",
        image: "hub.example.com/istio/install-cni:1.31.1",
        source: "docker.io/istio/install-cni:1.31.1",
      },
    ]);
    const one = settings({ images: { mirrors: { "docker.io/istio/pilot": "a.example.com/control" } } });
    assert.deepEqual(pulled(one)[0], "istiod a.example.com/control:1.31.1");
    const own = settings({ mesh: { ...mesh, values: { istiod: { global: { variant: "debug" } } } } });
    assert.deepEqual(pulled(own).slice(0, 2), [
      "istiod docker.io/istio/pilot:1.31.1-debug",
      "proxies docker.io/istio/proxyv2:1.31.1-debug",
    ]);
  });

  it("are distroless and have ztunnel in an ambient mesh, by digest too", () => {
    const ambient = { version: "1.31.1", profile: "ambient", dataPlane: "ambient" };
    assert.deepEqual(pulled(settings({ mesh: ambient, images: { digests: { ztunnel: digest("5") } } })), [
      "istiod docker.io/istio/pilot:1.31.1-distroless",
      "proxies docker.io/istio/proxyv2:1.31.1-distroless",
      "istio-cni docker.io/istio/install-cni:1.31.1-distroless",
      `ztunnel docker.io/istio/ztunnel:1.31.1-distroless@${digest("5")}`,
    ]);
  });

  it("are those of the types that mesh.proxyConfigs names as well", () => {
    const proxyConfigs = [{ workload: "bookinfo/*", image: { imageType: "debug" } }];
    const given = pulled(settings({ bookinfo: {}, mesh: { version: "1.31.1", proxyConfigs } }));
    const ofProxies = given.filter((one) => one.startsWith("proxies "));
    assert.deepEqual(ofProxies, [
      "proxies docker.io/istio/proxyv2:1.31.1",
      "proxies docker.io/istio/proxyv2:1.31.1-debug",
    ]);
  });

  it("are those of two control planes during an upgrade", () => {
    const mesh = {
      version: "1.30.2",
      revision: "1-30-2",
      canary: { version: "1.31.1", revision: "1-31-1" },
      tags: { stable: "1-30-2" },
    };
    assert.deepEqual(pulled(settings({ mesh })), [
      "istiod-1-30-2 docker.io/istio/pilot:1.30.2",
      "proxies docker.io/istio/proxyv2:1.30.2",
      "istiod-1-31-1 docker.io/istio/pilot:1.31.1",
      "proxies docker.io/istio/proxyv2:1.31.1",
      "istio-cni docker.io/istio/install-cni:1.30.2",
    ]);
  });
});

describe("a pull secret", () => {
  it("has to be a Docker configuration, and is not repeated where it is none", () => {
    const parse = (text: string) =>
      validate(
        {
          environment: "dev",
          cluster: { kind: "embedded", name: "test" },
          mesh: { version: "1.31.1" },
          images: { pullSecrets: [{ name: "registry", dockerConfigJson: { secret: "docker" } }] },
        },
        { secretNames: ["docker"], secretTexts: new Map([["docker", text]]) },
      );
    assert.ok(parse('{"auths": {"registry.example.com": {"auth": "dTpw"}}}'));
    for (const text of ["user:password", '{"registry.example.com": {}}']) {
      assert.throws(
        () => parse(text),
        (error: Error) =>
          error.message.includes("images.pullSecrets[0].dockerConfigJson: secret docker is no Docker configuration") &&
          !error.message.includes(text),
      );
    }
  });
});

describe("npm run images", function () {
  this.timeout(60_000);
  const images = (...args: string[]) =>
    spawnSync(process.execPath, ["cli/bin/talos-mesh.cjs", "images", ...args], { cwd: projectRoot, encoding: "utf8" });

  it("prints a line for each image, and what a mirror is filled with", () => {
    const { status, stdout } = images("--stack", "any", "--config", stackFile);
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^metrics-server +registry\.example\.com:5000\/k8s\/metrics-server\/metrics-server:v\S+ +from registry\.k8s\.io\//,
    );
    assert.match(
      stdout,
      /^istiod +registry\.example\.com:5000\/mesh\/pilot:1\.31\.1@sha256:1+ +from docker\.io\/istio\/pilot/m,
    );
  });

  it("prints the same as JSON", () => {
    const { stdout } = images("--stack", "any", "--config", stackFile, "--json");
    assert.deepEqual(JSON.parse(stdout), environmentImages(readStack(projectRoot, stackFile).settings));
  });

  it("says what is wrong with its options", () => {
    assert.deepEqual([images().status, images("--stack").status, images("--stack", "nope").status], [2, 2, 1]);
    assert.match(images().stderr, /^--stack is missing\n\nUsage: npm run images/);
  });
});
