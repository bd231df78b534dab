import assert from "node:assert/strict";
import { hardwareOf, parseProcessorTime, stolenShare } from "../../../components/benchmark/run/nodes";

describe("what a pod reads of its node", () => {
  const shell = (printed: string) => () => Promise.resolve({ stdout: Buffer.from(printed), stderr: "", exitCode: 2 });

  it("is its hardware, as far as the kernel reports it", async () => {
    const printed =
      "/sys/class/net/eth0/mtu:1450\n/proc/cpuinfo:model name\t: AMD EPYC 9R14\n" +
      "/sys/devices/system/clocksource/clocksource0/current_clocksource:tsc\n/sys/devices/system/node/online:0\n";
    assert.deepEqual(await hardwareOf(shell(printed)), {
      ...{ mtu: 1450, processor: "AMD EPYC 9R14", clockSource: "tsc", numaNodes: "0" },
    });
    assert.deepEqual(await hardwareOf(shell("")), {});
  });

  it("is the time that its host gave to others", () => {
    const before = parseProcessorTime("cpu  100 0 100 700 0 0 0 100 50 0");
    const after = parseProcessorTime("cpu  150 0 150 740 0 0 0 160 90 0\n");
    assert.deepEqual(before, { total: 1000, stolen: 100 });
    assert.equal(stolenShare(before, after), 0.3);
    assert.equal(stolenShare(before, before), undefined);
    assert.equal(stolenShare(undefined, after), undefined);
    assert.equal(parseProcessorTime("cpu0 1 2"), undefined);
    assert.equal(parseProcessorTime(""), undefined);
  });
});
