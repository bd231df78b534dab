import assert from "node:assert/strict";
import fc from "fast-check";
import { includesPaths, mayOverlap, pathMatches } from "../../components/model/path-patterns";

describe("patterns of paths", () => {
  const segment = fc.constantFrom("a", "b", "ab");
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
  const pattern = fc.oneof(
    path,
    path.map((one) => `${one}*`),
    path.map((one) => `*${one}`),
    fc.constantFrom("*", "/*", "/{*}", "/a/{*}", "/{*}/b", "/a/{**}"),
  );

  it("overlap wherever a path matches both, and include only what they match", () => {
    fc.assert(
      fc.property(pattern, pattern, fc.array(path, { minLength: 20, maxLength: 20 }), (one, other, some) => {
        for (const each of some) {
          if (pathMatches(one, each) && pathMatches(other, each)) assert.ok(mayOverlap(one, other), each);
          if (includesPaths(one, other) && pathMatches(other, each)) assert.ok(pathMatches(one, each), each);
        }
      }),
      { seed: 3, numRuns: 1000 },
    );
    assert.ok(!mayOverlap("/a*", "/b*") && !mayOverlap("*/x", "*/y") && !mayOverlap("/a/{*}", "/b"));
  });
});
