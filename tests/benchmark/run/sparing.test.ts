import assert from "node:assert/strict";
import { sparing } from "../../../components/benchmark/run/sparing";

describe("what a benchmark says under Pulumi", () => {
  const saidOf = (lines: readonly string[]) => {
    const said: string[] = [];
    const say = sparing((line) => said.push(line));
    for (const line of lines) say(line);
    return said;
  };
  const progress = (total: number, text: string) =>
    Array.from({ length: total }, (_, index) => `[${index + 1}/${total}] ${text}`);

  it("is all of a small plan", () => {
    assert.equal(saidOf(progress(200, "p99 1 ms")).length, 200);
  });

  it("stays below what one environment variable can hold, and goes on to the last run", () => {
    const said = saidOf(progress(5000, "does not count, steal; once more".padEnd(200, "."))).filter(Boolean);
    assert.ok(said.length >= 200 && said.join("\n").length < 100 * 1024, String(said.length));
    assert.match(said.at(-1) ?? "", /^\[5000\/5000\]/);
    assert.ok(saidOf(progress(5000, "x".repeat(2000))).join("\n").length < 100 * 1024);
  });

  it("leaves out nothing that is no progress", () => {
    const others = ["budget p99: exceeded", "Report: report.html"];
    assert.deepEqual(saidOf([...progress(9000, "x".repeat(500)), ...others]).slice(-2), others);
  });
});
