import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { latenciesOf } from "../../../components/benchmark/measure/latency";
import { parseFortio } from "../../../components/benchmark/measure/load-generators";
import { percentile } from "../../../components/benchmark/statistics/intervals";
import { skip } from "../../support/skip";
import { fortioOrSkip, outputOf, startServer, stopServer } from "./tools";

/** Milliseconds. */
const [stall, period] = [100, 1000];
const [qps, connections, seconds] = [400, 8, 8];

describe("coordinated omission, with a real fortio and a real server that stalls", function () {
  this.timeout(60_000);
  let fortio: string;
  before(async function () {
    fortio = await fortioOrSkip(this);
  });

  it("is corrected to the latencies that follow from the stalls, which the raw ones miss", async function () {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-stall-"));
    const log = path.join(folder, "access.log");
    let said = "";
    const server = await startServer(
      process.execPath,
      [path.join(__dirname, "stalling-server.cjs"), String(stall), String(period)],
      /listening on \d+/,
      (text) => (said += text),
    );
    try {
      const port = /listening on (\d+)/.exec(said)?.[1] ?? "";
      const flags = ["-quiet", "-uniform", "-c", String(connections), "-qps", String(qps), "-t", `${seconds}s`];
      const logging = ["-access-log-file", log, "-access-log-format", "json", "-r", "0.00001", "-json", "-"];
      const result = parseFortio(await outputOf(fortio, ["load", ...flags, ...logging, `http://127.0.0.1:${port}/`]));
      const { startMicros } = result;
      const { raw, corrected } = latenciesOf(readFileSync(log), { qps, connections, seconds, startMicros });

      const stalls = [...said.matchAll(/stalled (\d+) (\d+)/g)]
        .map(([, began, ended]) => [Number(began), Number(ended)] as const)
        .filter(([began, ended]) => began > startMicros / 1000 && ended < startMicros / 1000 + seconds * 1000);
      const slow = slowBetween(readFileSync(log, "utf8"), stalls);
      if (slow > 0) skip(this, `the machine is busy: ${slow} requests took over ${stall / 4} ms between the stalls`);
      assert.ok(stalls.length >= seconds - 2, `${stalls.length} stalls`);
      const analytic = waitOf(
        0.01,
        stalls.map(([began, ended]) => ended - began),
        seconds * 1000,
      );
      const p99 = percentile(corrected, 99) / 1000;
      assert.ok(Math.abs(p99 - analytic) <= 0.05 * analytic, `p99 ${p99} ms, and by the stalls ${analytic} ms`);
      // In a stall every connection waits once, and omits the other requests that were due.
      assert.ok(percentile(raw, 97) / 1000 < analytic / 4, `raw p97 ${percentile(raw, 97)} us`);
      assert.ok(percentile(corrected, 97) > 4 * percentile(raw, 97));
      assert.equal(result.failed, 0);
    } finally {
      await stopServer(server);
      rmSync(folder, { recursive: true });
    }
  });
});

/** Requests that were slow without a stall, because the machine is busy. */
function slowBetween(log: string, stalls: readonly (readonly [began: number, ended: number])[]): number {
  const requests = log
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { latency: number; timestamp: number });
  return requests.filter(({ latency, timestamp }) => {
    const [sent, answered] = [timestamp / 1e6, timestamp / 1e6 + latency * 1000];
    return latency * 1000 > stall / 4 && !stalls.some(([began, ended]) => sent < ended && answered > began);
  }).length;
}

/** The wait (ms) that this share of all moments exceeds. */
function waitOf(share: number, stalls: readonly number[], total: number): number {
  let [low, high] = [0, Math.max(...stalls)];
  for (let step = 0; step < 50; step++) {
    const wait = (low + high) / 2;
    const above = stalls.reduce((sum, length) => sum + Math.max(0, length - wait), 0) / total;
    if (above > share) low = wait;
    else high = wait;
  }
  return (low + high) / 2;
}
