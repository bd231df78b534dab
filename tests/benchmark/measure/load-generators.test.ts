import assert from "node:assert/strict";
import {
  microsOf,
  OutputError,
  parseFortio,
  parseIperf3,
  percentileOfBins,
  ReportedError,
} from "../../../components/benchmark/measure/load-generators";
import { recorded } from "../fixtures";

const refused = (message: RegExp) => (error: unknown) => error instanceof OutputError && message.test(error.message);

describe("reading the output of fortio", () => {
  it("gives rate, requests and latencies in milliseconds of a run without failures", () => {
    const result = parseFortio(recorded("fortio/http-ok.json"));
    assert.deepEqual([result.requests, result.connections, result.failed], [200, 4, 0]);
    assert.deepEqual(result.codes, { "200": 200 });
    assert.ok(Math.abs(result.actualQps - 98.25) < 0.01);
    assert.ok(result.mean > 0.05 && result.mean < 5, `${result.mean} ms`);
    assert.equal(
      result.bins.reduce((sum, { count }) => sum + count, 0),
      200,
    );
  });

  it("gives fortio's own percentiles from its histogram", () => {
    for (const name of ["fortio/http-ok.json", "fortio/http-max.json", "fortio/http-errors.json"] as const) {
      const text = recorded(name);
      const { Percentiles } = (
        JSON.parse(text) as {
          DurationHistogram: { Percentiles: { Percentile: number; Value: number }[] };
        }
      ).DurationHistogram;
      assert.equal(Percentiles.length, 4);
      for (const { Percentile, Value } of Percentiles) {
        const ours = percentileOfBins(parseFortio(text).bins, Percentile);
        assert.ok(Math.abs(ours - Value * 1000) < 1e-6, `${name} p${Percentile}: ${ours} instead of ${Value * 1000}`);
      }
    }
  });

  it("gives the size of responses without headers, and none for gRPC", () => {
    assert.equal(parseFortio(recorded("fortio/http-ok.json")).answerBytes, 1024);
    assert.equal(parseFortio(recorded("fortio/grpc-ok.json")).answerBytes, undefined);
  });

  it("reads a run at saturation", () => {
    assert.ok(parseFortio(recorded("fortio/http-max.json")).requests > 1000);
  });

  it("counts error responses as failed", () => {
    const result = parseFortio(recorded("fortio/http-errors.json"));
    assert.deepEqual([result.requests, result.failed], [100, 25]);
    assert.deepEqual(result.codes, { "200": 75, "503": 25 });
  });

  it("counts timeouts as failed, which fortio counts under the code of the previous response", () => {
    const result = parseFortio(recorded("fortio/http-timeouts.json"));
    assert.deepEqual(result.codes, { "200": 18 });
    assert.equal(result.failed, 5);
  });

  it("counts refused connections as failed", () => {
    const result = parseFortio(recorded("fortio/http-refused.json"));
    assert.deepEqual([result.requests, result.failed], [20, 20]);
  });

  it("does not count new connections as failures where keep-alive is off", () => {
    assert.equal(parseFortio(recorded("fortio/http-close.json")).failed, 0);
  });

  it("reads runs with gRPC and with TCP", () => {
    assert.deepEqual(parseFortio(recorded("fortio/grpc-ok.json")).codes, { SERVING: 50 });
    const tcp = parseFortio(recorded("fortio/tcp-rr.json"));
    assert.deepEqual([tcp.connections, tcp.failed], [1, 0]);
    assert.ok(tcp.actualQps > 1000);
  });

  it("reads an interrupted run, with the requests that it made", () => {
    assert.ok(parseFortio(recorded("fortio/http-interrupted.json")).requests < 20 * 60);
  });

  it("refuses output that is cut off, empty, of another program, or without a request", () => {
    assert.throws(() => parseFortio(recorded("fortio/truncated.json")), refused(/not complete JSON/));
    assert.throws(() => parseFortio(recorded("fortio/nothing.json")), refused(/printed nothing/));
    assert.throws(() => parseFortio(recorded("iperf3/ok.json")), refused(/StartTime/));
    const none = recorded("fortio/http-ok.json").replace('"Count": 200', '"Count": 0');
    assert.throws(() => parseFortio(none), refused(/made no request/));
  });

  it("gives the start of the run to the microsecond", () => {
    assert.equal(microsOf("2026-11-23T04:02:16.51730248Z"), Date.parse("2026-11-23T04:02:16Z") * 1000 + 517_302);
    assert.equal(microsOf("1970-01-01T00:00:01Z"), 1_000_000);
    assert.equal(microsOf("1970-01-01T01:00:01.5+01:00"), 1_500_000);
    assert.throws(() => microsOf("yesterday"), OutputError);
  });
});

describe("reading the output of iperf3", () => {
  it("gives the received rate, without the seconds left out", () => {
    const result = parseIperf3(recorded("iperf3/ok.json"));
    assert.deepEqual([result.streams, result.reverse], [2, false]);
    assert.equal(result.bitsPerSecond, 9743978710.813744);
    assert.ok(result.retransmits !== undefined && result.meanRtt !== undefined && result.meanRtt < 10);
  });

  it("gives no retransmits where the server sends, which alone sees them", () => {
    const result = parseIperf3(recorded("iperf3/reverse.json"));
    assert.equal(result.reverse, true);
    assert.deepEqual([result.retransmits, result.meanRtt], [undefined, undefined]);
    assert.equal(result.bitsPerSecond, 8519415898.10716);
  });

  // A failure that iperf3 reports itself is a result; an interruption is not.
  for (const [name, message, reported] of [
    ["refused", /unable to connect to server: Connection refused/, true],
    ["server-gone", /control socket has closed unexpectedly/, true],
    ["busy", /the server is busy/, false],
    ["interrupted", /interrupt - the client has terminated/, false],
    ["truncated", /not complete JSON/, false],
  ] as const) {
    it(`refuses ${name}.json with the message of iperf3`, () => {
      assert.throws(
        () => parseIperf3(recorded(`iperf3/${name}.json`)),
        (error: unknown) => refused(message)(error) && error instanceof ReportedError === reported,
      );
    });
  }
});
