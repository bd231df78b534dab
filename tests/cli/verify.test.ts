import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { projectRoot } from "../support/program";

function verify(...args: string[]) {
  const { status, stdout, stderr } = spawnSync("node", ["cli/bin/talos-mesh.cjs", "verify", ...args], {
    cwd: projectRoot,
    encoding: "utf8",
  });
  return { status, printed: `${stdout}${stderr}` };
}

describe("npm run verify", function () {
  this.timeout(60_000);

  it("is refused where proxies record no probes, before it asks for a cluster", () => {
    const { status, printed } = verify("--stack", "dev");
    assert.equal(status, 1, printed);
    assert.match(printed, /this stack has no talos-mesh:verification.*Add `talos-mesh:verification: \{\}`/s);
  });

  it("lists the probes with the number of their requests, without a cluster", () => {
    const { status, printed } = verify("--stack", "staging", "--list");
    assert.equal(status, 0, printed);
    assert.match(printed, /^weights reviews http\[0\]: 50% reviews v2, 50% reviews v3 \(\d+ requests\)$/m);
    assert.match(printed, /^\d+ probes, \d+ requests, at most 300 a second: about \d+ s$/m);
  });
});
