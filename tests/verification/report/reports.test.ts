import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { accessMatrix } from "../../../components/verification/report/access";
import { junitOf, markdownOf, writeReports } from "../../../components/verification/report/outputs";
import { htmlOf } from "../../../components/verification/report/page";
import { countsOf, sentencesOf } from "../../../components/verification/report/wording";
import type { VerificationResult } from "../../../components/verification/result";
import { denied, probe, result, series } from "./results";

describe("the report of a verification", () => {
  it("counts verdicts, and names what does not hold with its reason", () => {
    assert.equal(countsOf(result), "2 hold, 1 fails, 1 control failed, 1 not measurable");
    assert.equal(countsOf({ probes: [] }), "no policy has a probe");
    assert.deepEqual(sentencesOf(result), [
      "Policies: 2 hold, 1 fails, 1 control failed, 1 not measurable (1234 requests, 61 s)",
      "authorization ratings: fails: front gets no answer of ratings: no rule allowed it",
      "faults ratings http[0]: control failed: denied by AuthorizationPolicy shop/ratings, see authorization ratings",
    ]);
  });

  it("says of a failure what both ends saw, and which setting and object it is about", () => {
    const markdown = markdownOf(result);
    for (const part of [
      "## authorization ratings: fails",
      "- setting: talos-mesh:security.authorization.allow\\[0]",
      "- objects: AuthorizationPolicy shop/ratings",
      '- the client saw: 403 after 0.01 s, "RBAC: access denied"',
      "- sidecar shop/ratings-v1-abc (inbound): 403, rbac_access_denied_matched_policy\\[none], sent nowhere",
      "| holds | weights reviews http\\[0] | 20% to v1, 80% to v2 | v1 19.5%, v2 80.5% | 800 | v1 15% to 25%, v2 75% to 85% |",
      "- warning: certificates: ends in 3 h",
      "- The proxy &lt;edge&gt; writes more than is read of its log",
    ]) {
      assert.ok(markdown.includes(part), `${part}\n${markdown}`);
    }
    assert.ok(!markdown.includes("<b>"), "text of a request is no markup");
  });

  it("is a JUnit file with a failure, an error and a skipped case", () => {
    const xml = junitOf(result);
    assert.match(
      xml,
      /<testsuite name="verification of shop" tests="5" failures="1" errors="1" skipped="1" time="61.200"/,
    );
    assert.match(
      xml,
      /classname="verification.authorization" name="authorization ratings"[^>]*><failure message="front gets/,
    );
    assert.match(xml, /name="faults ratings http\[0\]"[^>]*><error /);
    assert.match(xml, /name="mirrors reviews http\[0\]"[^>]*><skipped message="ztunnel/);
    assert.ok(!/[<>]b>/.test(xml));
    const control = probe({ name: "a\u0000\u001bb", verdict: "fails", reason: "\ud800" });
    assert.ok(!/[\u0000\u001b\ud800]/.test(junitOf({ ...result, probes: [control] })), "XML has no control characters");
  });

  it("shows who may talk to whom, and marks where that was not measured so", () => {
    const matrix = accessMatrix(result.probes.flatMap(({ kind, series }) => (kind === "authorization" ? series : [])));
    assert.deepEqual(matrix.clients, ["front", "stranger", "reviews"]);
    assert.deepEqual(matrix.servers, ["reviews:9080", "ratings:9080"]);
    const cell = (client: string, server: string) => {
      const found = matrix.cell(client, server);
      return found && [found.expected, found.verdict];
    };
    assert.deepEqual(cell("front", "reviews:9080"), ["allowed", "holds"]);
    assert.deepEqual(cell("front", "ratings:9080"), ["allowed", "fails"]);
    assert.deepEqual(cell("stranger", "reviews:9080"), ["denied", "holds"]);
    assert.deepEqual(cell("reviews", "ratings:9080"), ["partly", "holds"]);
    assert.equal(cell("stranger", "ratings:9080"), undefined);
  });

  it("is one page without anything from elsewhere, in which text is no markup", () => {
    const page = htmlOf(result);
    assert.ok(!/<(script|img|link|iframe)|url\(|@import|https?:\/\/(?!ratings)/.test(page), "nothing from elsewhere");
    assert.ok(page.includes("x-note: &lt;b&gt;&amp;"));
    assert.ok(page.includes('<td class="allowed fails"'));
  });

  it("says that nothing was measured, and claims nothing, where no probe has series", () => {
    const left = [probe({ name: "authorization reviews", verdict: "not measurable", reason: "nodes are simulated" })];
    const nothing: VerificationResult = { ...result, verdict: "not measurable", probes: left, health: [], requests: 0 };
    const page = htmlOf(nothing);
    assert.match(page, /\? 1 not measurable/);
    assert.ok(!page.includes("✓ "), page);
    assert.match(markdownOf(nothing), /\| not measurable \| authorization reviews \| .* \| nodes are simulated \|/);
  });

  it("summarises a probe of many kinds of request", () => {
    const all = [
      series({ from: "a", to: "b" }),
      series({ from: "c", to: "b", role: "control" }),
      series({ from: "d", to: "b" }),
    ];
    const page = markdownOf({ ...result, probes: [probe({ name: "authorization b", series: all })] });
    assert.match(page, /\| 3 of 3 kinds of request as expected \| 9 \|/);
  });

  it("shows what a server answered as it is, and follows nothing in it", () => {
    const body = "![x](https://evil.example/p.png) @octo-org <script>alert(1)</script>\n# heading";
    const failure = { request: "GET /", observation: { ...denied, body, error: body }, reason: `it answered ${body}` };
    const failed = probe({
      name: "a",
      verdict: "fails",
      series: [series({ from: "a", to: "b", verdict: "fails", failure })],
    });
    const text = markdownOf({ ...result, probes: [failed] });
    for (const bad of [/!\[/, /https:\/\//, /@octo/, /<script/, /^# heading/m]) assert.doesNotMatch(text, bad);
    assert.match(text, /!\\\[x\]/);
  });

  it("is written in four forms, of which the JSON is the result itself", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-report-"));
    try {
      const page = writeReports(result, path.join(folder, "new"));
      assert.equal(path.basename(page), "verification.html");
      const names = ["html", "json", "md", "xml"].map((ending) => `verification.${ending}`);
      assert.deepEqual(readdirSync(path.dirname(page)).sort(), names);
      const json = readFileSync(path.join(folder, "new", "verification.json"), "utf8");
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(result)));
      const part = writeReports({ ...result, probes: result.probes.slice(0, 2), partOf: 5 }, path.dirname(page));
      assert.equal(path.basename(part), "verification-partial.html");
      assert.deepEqual(
        JSON.parse(readFileSync(path.join(folder, "new", "verification.json"), "utf8")),
        JSON.parse(json),
      );
      assert.match(readFileSync(part, "utf8"), /partial: 2 of 5 probes: 1 holds, 1 fails/);
      const observation = { ...denied, headers: { "set-cookie": "session=secret", server: "envoy" } };
      const failure = { request: "GET /", observation, reason: "it is denied" };
      const failed = probe({ name: "a", series: [series({ from: "a", to: "b", failure })] });
      writeReports({ ...result, probes: [failed] }, folder);
      const texts = names.map((name) => readFileSync(path.join(folder, name), "utf8"));
      assert.ok(!texts.some((text) => text.includes("session=secret")), "a session of an application is not kept");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
