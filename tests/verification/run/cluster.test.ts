import assert from "node:assert/strict";
import { Readable } from "node:stream";
import type { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { ApiError } from "../../../components/shared/kubernetes/errors";
import { KubernetesCluster } from "../../../components/verification/run/cluster";

describe("the log of a proxy", () => {
  async function linesOf(stream: () => Promise<Readable>): Promise<string[]> {
    const lines: string[] = [];
    const cluster = new KubernetesCluster({ stream } as unknown as ApiServer);
    const from = { sinceSeconds: "5" };
    await cluster.followLog({ namespace: "shop", name: "front-1" }, from, (line) => lines.push(line), signal);
    return lines;
  }
  const { signal } = new AbortController();
  const refused = (status: number, message: string) => () => Promise.reject(new ApiError(status, message));

  it("is read line by line, however it is cut, and without a line that has no end yet", async () => {
    const parts = ["one\ntw", "o\nthree\n", "fo"].map((part) => Buffer.from(part));
    assert.deepEqual(await linesOf(() => Promise.resolve(Readable.from(parts))), ["one", "two", "three"]);
  });

  it("ends with a connection that breaks", async () => {
    const broken = new Readable({
      read() {
        this.push("one\n");
        this.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
      },
    });
    assert.deepEqual(await linesOf(() => Promise.resolve(broken)), ["one"]);
  });

  it("is empty while the proxy starts, where its pod is gone, and where its node does not answer", async () => {
    const starting = 'container "istio-proxy" in pod "front-1" is waiting to start: PodInitializing';
    assert.deepEqual(await linesOf(refused(400, starting)), []);
    assert.deepEqual(await linesOf(refused(404, 'pods "front-1" not found')), []);
    assert.deepEqual(await linesOf(refused(502, "dial tcp 10.0.0.5:10250: i/o timeout")), []);
  });

  it("is not taken for empty where the login may not read it", async () => {
    await assert.rejects(linesOf(refused(403, "pods/log is forbidden")), /pods\/log is forbidden/);
  });
});
