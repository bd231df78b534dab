import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { autoCharts, forgetCharts } from "../../../embedded/cluster/auto-charts";
import { projectRoot as project } from "../../support/program";

// In a process of its own, because the question blocks the one that asks.
const server = `
const server = require("node:http").createServer((_request, response) => response.end());
server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;

describe("charts.source: auto", () => {
  let place: { projectRoot: string; stack: string };
  let repository: ChildProcess;
  let index: string;
  beforeEach(async () => {
    place = { projectRoot: mkdtempSync(path.join(tmpdir(), "talos-mesh-charts-")), stack: "dev" };
    mkdirSync(path.join(place.projectRoot, "embedded", "cluster"), { recursive: true });
    symlinkSync(path.join(project, "embedded/cluster/bin"), path.join(place.projectRoot, "embedded/cluster/bin"));
    repository = spawn(process.execPath, ["-e", server], { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = (await once(repository.stdout ?? repository, "data")) as [Buffer];
    index = `http://127.0.0.1:${port.toString().trim()}/index.yaml`;
  });
  afterEach(() => {
    repository.kill();
    rmSync(place.projectRoot, { recursive: true });
  });

  const goOffline = async () => {
    repository.kill();
    await once(repository, "exit");
  };

  it("is the official repository where it answers, and stays that when it does not any more", async () => {
    assert.equal(autoCharts(place, index, false), "official");
    await goOffline();
    assert.equal(autoCharts(place, index, false), "official");
    forgetCharts(place.projectRoot, place.stack);
    assert.equal(autoCharts(place, index, false), "stand-ins", "decided anew");
  });

  it("is decided the same way by a preview, which keeps nothing", async () => {
    assert.equal(autoCharts(place, index, true), "official");
    assert.ok(!existsSync(path.join(place.projectRoot, ".talos-mesh")));
    await goOffline();
    assert.equal(autoCharts(place, index, true), "stand-ins");
  });
});
