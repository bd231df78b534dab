import assert from "node:assert/strict";
import { addonNotes } from "../../components/observability/addons/registry";
import { settingsSchema, type SettingsInput } from "../../components/settings/schema";

function notes(observability: SettingsInput["observability"]): string[] {
  return addonNotes(settingsSchema.shape.observability.parse(observability));
}

describe("notes on the addons", () => {
  it("report where traces are that Kiali does not show", () => {
    const found = notes({ prometheus: {}, kiali: {}, tracing: { provider: "zipkin" } });
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", /Kiali shows no traces.*Zipkin's own page.*provider jaeger/);
  });

  it("are none where Kiali shows the traces, and without traces or without Kiali", () => {
    assert.deepEqual(notes({ prometheus: {}, kiali: {}, tracing: { provider: "jaeger" } }), []);
    assert.deepEqual(notes({ prometheus: {}, kiali: {} }), []);
    assert.deepEqual(notes({ tracing: { provider: "zipkin" } }), []);
    assert.deepEqual(notes(undefined), []);
  });
});
