import assert from "node:assert/strict";
import { reportTools } from "../../../embedded/tools/progress";

describe("the report of tools that are obtained", () => {
  it("has a line where one begins and one where it is ready, and none for a tool that is there", () => {
    const lines: string[] = [];
    const steps: (string | undefined)[] = [];
    const report = reportTools(
      (line) => lines.push(line),
      (step) => steps.push(step),
    );
    report({ tool: "helm", step: "ready", elapsedMs: 1 });
    report({ tool: "etcd", step: "skip", detail: "PATH: too old", elapsedMs: 2 });
    report({ tool: "etcd", step: "download", detail: "1 of 9 MB", elapsedMs: 3 });
    report({ tool: "etcd", step: "download", detail: "9 of 9 MB", elapsedMs: 4 });
    report({ tool: "etcd", step: "ready", detail: "3.6.0", elapsedMs: 5 });
    assert.deepEqual(lines, ["etcd: has to be obtained; this happens once", "etcd: ready (3.6.0)"]);
    assert.deepEqual(steps, [undefined, "etcd: download (1 of 9 MB)", "etcd: download (9 of 9 MB)", undefined]);
  });
});
