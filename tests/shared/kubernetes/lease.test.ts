import assert from "node:assert/strict";
import { hostname } from "node:os";
import { ApiError } from "../../../components/shared/kubernetes/api-server";
import { Lease, LeaseError } from "../../../components/shared/kubernetes/lease";
import { FakeLeases } from "./fake-leases";

describe("the Lease of measurements", () => {
  let leases: FakeLeases;
  let logged: string[];
  let slept: number;
  beforeEach(() => {
    leases = new FakeLeases();
    logged = [];
    slept = 0;
  });
  const lease = (holder?: string) => {
    const sleep = (ms: number) => Promise.resolve((slept += ms));
    return new Lease({ leases, sleep, log: (line) => logged.push(line) }, "benchmark", holder);
  };
  const other = "laptop 4711 boot/1";

  it("is held in the name of this process, for the given time, and deleted when it is released", async () => {
    const own = lease();
    await own.hold(89.5);
    const { holderIdentity = "", acquireTime, renewTime, leaseDurationSeconds } = leases.holding ?? {};
    assert.ok(holderIdentity.startsWith(`${hostname()} ${process.pid} `), holderIdentity);
    assert.equal(leaseDurationSeconds, 90);
    assert.equal(acquireTime, renewTime);
    assert.match(renewTime ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, "as Kubernetes takes it");
    await own.hold(30);
    assert.deepEqual([leases.holding?.acquireTime, leases.holding?.leaseDurationSeconds], [acquireTime, 30]);
    await own.release();
    assert.equal(leases.lease, undefined);
  });

  it("refuses a second benchmark, after the time that a stopped one may clean up, with what to do", async () => {
    leases.give(other, new Date(), 600);
    const { renewTime = "" } = leases.holding ?? {};
    await assert.rejects(lease().hold(60), (error: unknown) => {
      assert.ok(error instanceof LeaseError);
      const until = new Date(Date.parse(renewTime) + 600_000).toISOString();
      for (const part of [
        "another benchmark measures",
        "process 4711 on laptop",
        `since ${renewTime}`,
        `until ${until}`,
      ]) {
        assert.ok(error.message.includes(part), error.message);
      }
      assert.match(error.message, /kubectl -n default delete lease talos-mesh-measurement$/);
      return true;
    });
    assert.equal(slept, 10_000);
    assert.equal(leases.holding?.holderIdentity, other);
  });

  it("names the kind of run that holds it", async () => {
    leases.give(other, new Date(), 600, "verification");
    await assert.rejects(lease().hold(60), /^LeaseError: a verification measures on this cluster: process 4711/);
  });

  it("goes to the next benchmark as soon as a stopped one has released it", async () => {
    leases.give(other);
    const sleep = () => Promise.resolve((leases.lease = undefined));
    const waiting = new Lease({ leases, log: () => undefined, sleep }, "benchmark");
    await waiting.hold(60);
    assert.notEqual(leases.holding?.holderIdentity, other);
  });

  it("is taken over at once when its time is over, and when its process on this host was killed", async () => {
    leases.give(other, new Date(Date.now() - 61_000), 60);
    await lease("a").hold(60);
    assert.equal(leases.holding?.holderIdentity, "a");
    // Our own process number, which another process had before.
    leases.give(`${hostname()} ${process.pid} an earlier boot/1`);
    await lease("b").hold(60);
    assert.equal(leases.holding?.holderIdentity, "b");
    assert.equal(slept, 0);
  });

  it("goes to one of two benchmarks that acquire it at once", async () => {
    const results = await Promise.allSettled([lease("host 1 a").hold(60), lease("host 2 b").hold(60)]);
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 1);
    assert.ok(refused[0]?.reason instanceof LeaseError);
  });

  it("stays with the benchmark that has taken it over", async () => {
    const slow = lease("slow 1 a");
    await slow.hold(60);
    leases.give(other);
    await assert.rejects(slow.hold(60), LeaseError);
    assert.equal(slow.lost, true);
    await slow.release();
    assert.equal(leases.holding?.holderIdentity, other);
    assert.equal(slept, 0);
  });

  it("is not needed where there is no right to it, with one warning", async () => {
    leases.onWrite = () => {
      throw new ApiError(403, "leases is forbidden");
    };
    const without = lease();
    await without.hold(60);
    await without.hold(60);
    await without.release();
    assert.equal(logged.length, 1);
    assert.match(logged[0] ?? "", /^Warning: .*leases is forbidden.*; run no other benchmark on this cluster$/);
  });

  it("is not needed where there is not even the right to read it", async () => {
    leases.get = () => Promise.reject(new ApiError(403, "leases is forbidden"));
    const without = lease();
    await without.hold(60);
    await without.hold(60);
    assert.equal(logged.length, 1);
  });

  it("is needed where the API server fails", async () => {
    leases.onWrite = () => {
      throw new ApiError(500, "etcd");
    };
    await assert.rejects(lease().hold(60), /etcd/);
  });
});
