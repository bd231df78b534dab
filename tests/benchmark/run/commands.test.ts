import assert from "node:assert/strict";
import type { z } from "zod";
import { benchmarkPlan } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import { measurementOf, warmUpOf } from "../../../components/benchmark/run/commands";
import { benchmark } from "../../../components/settings/sections/benchmark";

const planOf = (settings: z.input<typeof benchmark>) => benchmarkPlan(resolveBenchmark(benchmark.parse(settings)));

describe("the commands of an arm", () => {
  const command = (settings: z.input<typeof benchmark>, id: string) => {
    const plan = planOf(settings);
    const arm = plan.arms.find((each) => each.id === id);
    assert.ok(arm, plan.arms.map((each) => each.id).join(" "));
    return { measure: measurementOf(arm, plan).argv.join(" "), warmUp: warmUpOf(arm, plan)?.argv.join(" ") };
  };

  it("have a log at a fixed rate, and none at saturation", () => {
    const fixed = command({ qps: [0, 500] }, "http-c10-q500-1024B").measure;
    assert.match(
      fixed,
      / -c 10 -qps 500 -t 60s .*-access-log-file \/work\/access\.log .*http:\/\/server:8080\/\?size=1024$/,
    );
    assert.match(fixed, /-uniform/);
    assert.doesNotMatch(fixed, /jitter|nocatchup/);
    assert.doesNotMatch(command({ qps: [0] }, "http-c10-qmax-1024B").measure, /access-log/);
  });

  it("resolve the server's name to whatever addresses the cluster has", () => {
    for (const id of ["http-c10-q100-1024B", "connect", "request-response"])
      assert.match(command({}, id).measure, / -resolve-ip-type ip /);
  });

  it("open a connection a request where that is measured", () => {
    assert.match(command({ keepAlive: [false] }, "http-c10-q100-1024B-close").measure, /-keepalive=false/);
    assert.match(command({}, "connect").measure, /-c 1 -qps 0 .*-keepalive=false/);
    assert.match(command({}, "request-response").measure, /-c 1 -qps 0 .* tcp:\/\/server:8078$/);
  });

  it("resolve the server's name once, so that no connection measures the cluster's DNS", () => {
    assert.match(command({ keepAlive: [false] }, "http-c10-q100-1024B-close").measure, / -no-reresolve /);
    assert.match(command({}, "connect").measure, / -no-reresolve /);
  });

  it("have room for the largest answer that the server gives", () => {
    assert.match(command({}, "http-c10-q100-1024B").measure, / -httpbufferkb 128 /);
    assert.match(command({ payloadSizes: [262_144] }, "http-c10-q100-262144B").measure, / -httpbufferkb 272 /);
  });

  it("use gRPC, and request details in the article's preset", () => {
    assert.match(
      command({ grpc: true }, "grpc-c10-q100-1024B").measure,
      /-grpc -ping -payload-size 1024 .* server:8079$/,
    );
    assert.match(command({ preset: "article" }, "http-c10-q100-178B").measure, /http:\/\/server:9080\/details\/0$/);
  });

  it("run iperf3 both ways, with its first seconds left out and no warm-up of ours", () => {
    assert.equal(command({}, "tcp-4-upload").measure, "iperf3 -c server -p 5201 -J -O 3 -t 30 -P 4");
    assert.equal(command({}, "tcp-4-download").measure, "iperf3 -c server -p 5201 -J -O 3 -t 30 -P 4 -R");
    assert.equal(command({}, "tcp-4-upload").warmUp, undefined);
  });
});
