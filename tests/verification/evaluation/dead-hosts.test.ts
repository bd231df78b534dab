import assert from "node:assert/strict";
import { evaluateProbe } from "../../../components/verification/evaluation/verdicts";
import type { Series } from "../../../components/verification/probe";
import type { Observation, ProbeResult } from "../../../components/verification/result";
import { evaluate, observationOf, probeOf, recordOf, seriesOf } from "./observations";

describe("a host outside the mesh that does not answer", () => {
  const to = (port: number) => ({ kind: "external", host: "api.example.com", port }) as const;
  const control = seriesOf({
    ...{ title: "outside to api.example.com:443", role: "control", client: { kind: "outside" } },
    request: { to: to(443), scheme: "https" },
    expect: { kind: "every", outcome: { title: "api.example.com answers", answers: ["application"] } },
  });
  const allowed: Partial<Series> = {
    title: "front to api.example.com:443",
    request: { to: to(443), scheme: "https" },
    needs: control.title,
    expect: {
      kind: "every",
      outcome: { title: "it reaches api.example.com", answers: ["application"], sentTo: "api.example.com" },
    },
  };
  const refused: Partial<Series> = {
    ...allowed,
    title: "back to api.example.com:443",
    expect: { kind: "every", outcome: { title: "it is refused", answers: ["reset", "denied", "no answer"] } },
  };
  const recorded = (line: string, upstreamCluster: string, route = "default") =>
    observationOf({
      status: Number(line.slice(0, 3)),
      records: [recordOf("client", line, { upstreamCluster, route, upstreamHost: "" })],
    });
  const sent = recorded("503 UH no_healthy_upstream", "outbound|80||api.example.com");
  const blocked = recorded("502 - direct_response", "", "block_all");
  const elsewhere = recorded("503 UH no_healthy_upstream", "outbound|80||other.example.com");
  const answers = observationOf({});
  const dead = observationOf({ status: 0, exitCode: 28, connected: false });
  const cutOff = observationOf({ status: 0, exitCode: 35 });

  /** The verdict on the probe of a host, by what its control and one client see. */
  function judged(atControl: Observation | undefined, series: Partial<Series>, seen: Observation): ProbeResult {
    const kind = { kind: "egress" } as const;
    const results = [evaluate(seen, series, kind), evaluate(atControl === undefined ? [] : atControl, control, kind)];
    return evaluateProbe(probeOf({ ...kind, series: [seriesOf(series), control] }), results, 1);
  }

  it("is reached as far as the policy goes, where a proxy sent the request to the host's cluster", () => {
    const { verdict, series } = judged(answers, allowed, sent);
    assert.equal(verdict, "holds");
    assert.match(series[0]?.evidence ?? "", /; api\.example\.com did not answer$/);
    assert.equal(judged(dead, allowed, sent).series[0]?.verdict, "holds");
  });

  it("is not measurable where no proxy has a record, and a client outside the mesh does not reach it either", () => {
    const { verdict, reason } = judged(dead, allowed, cutOff);
    assert.equal(verdict, "not measurable");
    assert.match(reason ?? "", /api\.example\.com:443 does not answer a client outside the mesh either/);
    assert.equal(judged(dead, refused, cutOff).verdict, "not measurable", "nothing shows what refused it");
  });

  it("is never allowed where a proxy blocked it, or sent it elsewhere", () => {
    for (const atControl of [answers, dead]) {
      assert.equal(judged(atControl, allowed, blocked).verdict, "fails");
      assert.notEqual(judged(atControl, allowed, elsewhere).verdict, "holds");
    }
    assert.equal(judged(answers, allowed, cutOff).verdict, "fails");
    assert.equal(judged(dead, refused, answers).verdict, "fails", "one client reached it");
  });

  it("is not known where the control sent nothing", () => {
    assert.equal(judged(undefined, allowed, sent).verdict, "control failed");
  });
});
