import assert from "node:assert/strict";
import { addedUp, countsByVersion } from "../../../cli/rollout/counts";
import { Random } from "../../../components/shared/random";
import { type Counted, judge } from "../../../cli/rollout/judge";

const tolerance = { errors: 1, slow: 5 };

/** @param slow share of requests that take over 100 ms */
function version(requests: number, errors: number, slow = 0.04): Counted {
  const fast = Math.round(requests * (1 - slow));
  const counts = [Math.round(fast / 2), fast, requests, requests];
  return { requests, errors, buckets: [50, 100, 250, Infinity].map((le, at) => ({ le, count: counts[at] ?? 0 })) };
}

describe("the judgement of a new version", () => {
  it("goes on where it is no worse than the others, for sure", () => {
    const { decision, lines } = judge(version(5000, 10), version(20000, 40), tolerance);
    assert.equal(decision, "on", lines.join("\n"));
    assert.match(
      lines[0] ?? "",
      /^errors: 0\.20% of 5000, the others 0\.20% of 20000; difference -0\.\d+% to 0\.\d+%, allowed 1%$/,
    );
  });

  it("goes back where it has more errors than allowed, for sure", () => {
    assert.equal(judge(version(1000, 60), version(9000, 18), tolerance).decision, "back");
  });

  it("goes back where more of its requests are slow than allowed, for sure", () => {
    const { decision, lines } = judge(version(2000, 2, 0.2), version(9000, 9), tolerance);
    assert.equal(decision, "back");
    assert.match(lines[1] ?? "", /^over 100 ms: 20\.00% of 2000, the others 4\.00% of 9000/);
  });

  it("holds while the requests do not show which: too few, none, or none of the others", () => {
    assert.equal(judge(version(20, 0), version(400, 1), tolerance).decision, "hold");
    assert.deepEqual(judge(version(0, 0), version(400, 1), tolerance).lines, ["no requests to the new version"]);
    assert.deepEqual(judge(version(50, 0), version(0, 0), tolerance).lines, ["no requests to the other versions"]);
  });

  it("judges errors alone, and says so, where the others have no histogram", () => {
    const { decision, lines } = judge(version(5000, 0), { requests: 5000, errors: 0, buckets: [] }, tolerance);
    assert.equal(decision, "on");
    assert.match(lines.join("\n"), /latency: no histogram/);
  });

  it("is wrong in fewer than 2 of 100 looks at a version that is exactly as bad as allowed", () => {
    // Errors: 2% instead of 1%, the allowed difference; every second look would be wrong without intervals.
    const random = new Random("judge");
    const looks = 2000;
    const wrong = Array.from({ length: looks }, () => {
      const count = (share: number, n: number) =>
        Array.from({ length: n }, () => random.uniform()).filter((one) => one < share).length;
      return judge(version(1000, count(0.02, 1000)), version(1000, count(0.01, 1000)), { errors: 1, slow: 100 });
    }).filter(({ decision }) => decision === "back").length;
    assert.ok(wrong < 0.02 * looks, `${wrong} of ${looks}`);
  });
});

describe("what Prometheus counted", () => {
  const sample = (metric: Record<string, string>, value: string) => ({ metric, value: [1795411037, value] });
  const answer = (...result: unknown[]) => ({ status: "success", data: { resultType: "vector", result } });

  it("is read by version: errors are 5xx and broken connections, buckets ascend", async () => {
    const queries: string[] = [];
    const counts = await countsByVersion(
      (path) => {
        queries.push(decodeURIComponent(path));
        return Promise.resolve(
          path.includes("bucket")
            ? answer(
                sample({ destination_version: "v1", le: "+Inf" }, "100"),
                sample({ destination_version: "v1", le: "50" }, "90.4"),
              )
            : answer(
                sample({ destination_version: "v1", response_code: "200" }, "95.2"),
                sample({ destination_version: "v1", response_code: "503" }, "4"),
                sample({ destination_version: "v1", response_code: "0" }, "1"),
                sample({ destination_version: "v1", response_code: "404" }, "2"),
                sample({ destination_version: "v3", response_code: "200" }, "7"),
              ),
        );
      },
      { observability: "observability", service: "reviews", namespace: "shop", window: "10m" },
    );
    assert.deepEqual(counts.get("v1"), {
      requests: 102,
      errors: 5,
      buckets: [
        { le: 50, count: 90 },
        { le: Infinity, count: 100 },
      ],
    });
    assert.deepEqual(counts.get("v3"), { requests: 7, errors: 0, buckets: [] });
    assert.match(
      queries[0] ?? "",
      /increase\(istio_requests_total\{reporter=~"destination\|waypoint", destination_service_name="reviews", destination_service_namespace="shop"\}\[10m\]/,
    );
  });

  it("is added up over the versions that are replaced", () => {
    const { requests, errors, buckets } = addedUp([version(100, 1), version(300, 2)]);
    assert.deepEqual([requests, errors, buckets.at(-1)], [400, 3, { le: Infinity, count: 400 }]);
  });
});
