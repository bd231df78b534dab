import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { autoCharts } from "../../../embedded/cluster/auto-charts";
import { deleteCluster } from "../../../embedded/cluster/delete";

// In a process of its own, because `autoCharts` blocks this one.
const server = `
const server = require("node:http").createServer((_request, response) => response.end());
server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;

describe("charts.source: auto", () => {
  let stack: { projectRoot: string; stack: string };
  let repository: ChildProcess;
  let index: string;
  beforeEach(async () => {
    stack = { projectRoot: mkdtempSync(path.join(tmpdir(), "talos-mesh-charts-")), stack: "dev" };
    repository = spawn(process.execPath, ["-e", server], { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = (await once(repository.stdout ?? repository, "data")) as [Buffer];
    index = `http://127.0.0.1:${port.toString().trim()}/index.yaml`;
  });
  afterEach(() => {
    repository.kill();
    rmSync(stack.projectRoot, { recursive: true });
  });

  const goOffline = async () => {
    repository.kill();
    await once(repository, "exit");
  };

  it("is the official repository where it responds, and stays so when it does not respond any more", async () => {
    assert.equal(autoCharts(stack, index, false), "official");
    await goOffline();
    assert.equal(autoCharts(stack, index, false), "official");
    await deleteCluster(stack.projectRoot, stack.stack, () => undefined);
    assert.equal(autoCharts(stack, index, false), "stand-ins", "resolved again");
  });

  it("is resolved in the same way by a preview, which keeps nothing", async () => {
    assert.equal(autoCharts(stack, index, true), "official");
    assert.ok(!existsSync(path.join(stack.projectRoot, ".talos-mesh")));
    await goOffline();
    assert.equal(autoCharts(stack, index, true), "stand-ins");
  });
});
