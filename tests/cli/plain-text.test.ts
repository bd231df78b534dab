import assert from "node:assert/strict";
import { plainText } from "../../cli/plain-text";

type Series = [from: string, to: string, security: string, value: string];

function answer(...series: Series[]): unknown {
  const result = series.map(([from, to, security, value]) => {
    const [sourceNamespace, source] = from.split("/");
    const [namespace, destination] = to.split("/");
    const metric = {
      ...{ source_workload_namespace: sourceNamespace, source_workload: source },
      ...{ destination_workload_namespace: namespace, destination_workload: destination },
      connection_security_policy: security,
    };
    return { metric, value: [1795411037, value] };
  });
  return { status: "success", data: { resultType: "vector", result } };
}

const where = { namespace: "observability", window: "1d" };

describe("the report of plain-text traffic", () => {
  it("adds up requests and connections without mTLS, the most frequent first", async () => {
    const queries: string[] = [];
    const report = await plainText((path) => {
      queries.push(decodeURIComponent(path));
      return Promise.resolve(
        path.includes("istio_requests_total")
          ? answer(
              ["shop/front", "shop/reviews", "mutual_tls", "90"],
              ["unknown/unknown", "shop/reviews", "none", "4"],
              ["old/batch", "shop/ratings", "none", "7"],
            )
          : answer(["unknown/unknown", "shop/reviews", "unknown", "6"], ["old/batch", "shop/front", "none", "0"]),
      );
    }, where);
    assert.deepEqual(report, {
      pairs: [
        { from: "unknown/unknown", to: "shop/reviews", count: 10 },
        { from: "old/batch", to: "shop/ratings", count: 7 },
      ],
      total: 107,
    });
    assert.match(
      queries[0] ?? "",
      /^\/api\/v1\/namespaces\/observability\/services\/http:prometheus:9090\/proxy\/api\/v1\/query\?query=sum by \(.*\) \(increase\(istio_requests_total\{reporter="destination"\}\[1d\]\)\)$/,
    );
  });

  it("distinguishes a mesh without plain text from one without traffic", async () => {
    const quiet = await plainText(() => Promise.resolve(answer(["a/a", "b/b", "mutual_tls", "1"])), where);
    assert.deepEqual(quiet, { pairs: [], total: 2 });
    const silent = await plainText(() => Promise.resolve(answer()), where);
    assert.deepEqual(silent, { pairs: [], total: 0 });
  });

  it("rejects an answer that is not samples", async () => {
    await assert.rejects(
      plainText(() => Promise.resolve({ status: "error", error: "parse error" }), where),
      /Prometheus did not answer with samples: .*parse error/,
    );
  });
});
