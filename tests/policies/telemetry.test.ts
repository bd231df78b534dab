import assert from "node:assert/strict";
import { telemetry as telemetrySettings } from "../../components/settings/sections/telemetry";
import { auditProvider, probeProvider } from "../../components/model/mesh-config";
import { defaultLogs, hasAccessLog } from "../../components/model/policies/telemetry";
import { mesh } from "../../components/settings/sections/mesh";
import { copyWithField } from "../../components/shared/unknown";
import { observability } from "../../components/settings/sections/observability";
import { verification } from "../../components/settings/sections/verification";
import { compilePolicies } from "../../policies/compile";
import {
  ambientSources,
  ingress,
  type Overrides,
  type PolicySettings,
  refusals,
  shopModel,
  shopSources,
} from "../support/policy-models";

interface Spec {
  readonly accessLogging?: readonly { readonly providers: readonly { readonly name: string }[] }[];
  readonly tracing?: readonly object[];
}

/** The spec of each Telemetry, by `namespace/name`. */
function telemetries(settings: PolicySettings, overrides?: Overrides): Map<string, Spec> {
  const objects = compilePolicies(shopModel(settings, overrides)).filter(({ kind }) => kind === "Telemetry");
  return new Map(objects.map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, spec as Spec]));
}

function loggedTo(spec: Spec | undefined): string[] {
  return (spec?.accessLogging ?? []).flatMap(({ providers }) => providers.map(({ name }) => name));
}

const audit = (to: string): PolicySettings["security"] => ({ authorization: { audit: [{ to, methods: ["POST"] }] } });
const tracing = observability.parse({ tracing: { provider: "jaeger", sampling: 3 } });

describe("telemetry", () => {
  it("goes to a collector over HTTP within a time, without which Envoy refuses every listener with spans", () => {
    const sent = (http: { path: string; timeout?: string }) =>
      telemetrySettings.parse({
        extensionProviders: [
          { name: "otel", opentelemetry: { service: "otel.otel.svc.cluster.local", port: 4318, http } },
        ],
      }).extensionProviders[0]?.opentelemetry?.http;
    assert.deepEqual(sent({ path: "/v1/traces" }), { path: "/v1/traces", timeout: "3s" });
    assert.deepEqual(sent({ path: "/v1/traces", timeout: "1s" }), { path: "/v1/traces", timeout: "1s" });
  });

  it("is one object for a workload with audit rules, access logs, metrics and tracing, under the name of the audit", () => {
    const found = telemetries({
      security: audit("ratings"),
      telemetry: {
        accessLogging: [{ workload: "ratings", filter: { expression: "response.code >= 400" } }],
        metrics: [{ workload: "shop/ratings", reportingInterval: "10s" }],
      },
    });
    assert.deepEqual([...found.keys()], ["shop/ratings.audit"]);
    assert.deepEqual(Object.keys(found.get("shop/ratings.audit") ?? {}), ["selector", "accessLogging", "metrics"]);
    assert.deepEqual(loggedTo(found.get("shop/ratings.audit")), ["envoy", auditProvider]);
  });

  it("repeats at audited pods what is logged around them, because a narrower access log replaces it", () => {
    const given = (accessLogging: NonNullable<PolicySettings["telemetry"]>["accessLogging"], overrides?: Overrides) =>
      loggedTo(
        telemetries({ security: audit("ratings"), telemetry: { accessLogging } }, overrides).get("shop/ratings.audit"),
      );
    assert.deepEqual(given([]), [auditProvider]);
    assert.deepEqual(given([], { accessLog: true }), ["envoy", auditProvider]);
    assert.deepEqual(given([{ providers: ["json"] }], { accessLog: true }), ["json", auditProvider]);
    assert.deepEqual(given([{ providers: ["json"] }, { workload: "shop/*" }]), ["json", auditProvider]);
    assert.deepEqual(given([{ workload: "shop/*", providers: ["a"] }, { workload: "ratings" }]), ["a", auditProvider]);
  });

  it("logs the requests of verification everywhere, as well as what is logged without it", () => {
    const probed = { verification: verification.parse({}), accessLog: true };
    const found = telemetries(
      {
        security: audit("ratings"),
        telemetry: { accessLogging: [{ workload: "shop/*", providers: ["json"] }], tracing: [{ workload: "front" }] },
      },
      probed,
    );
    assert.deepEqual(Object.fromEntries([...found].map(([name, spec]) => [name, loggedTo(spec)])), {
      "istio-system/mesh-default": ["envoy", probeProvider],
      "shop/ratings.audit": ["json", auditProvider, probeProvider],
      "shop/telemetry": ["json", probeProvider],
      // Tracing replaces no log.
      "shop/front.telemetry": [],
    });
    assert.deepEqual([...telemetries({}, { ...probed, accessLog: false }).keys()], ["istio-system/mesh-default"]);
    assert.deepEqual([...telemetries({}, { verification: verification.parse({ enabled: false }) }).keys()], []);
  });

  it("that is disabled without providers is switched off where the other entries for the same pods send it", () => {
    const given = (...accessLogging: NonNullable<NonNullable<PolicySettings["telemetry"]>["accessLogging"]>) =>
      loggedTo(telemetries({ telemetry: { accessLogging } }).get("istio-system/mesh-default"));
    const disabled = { match: { mode: "SERVER" as const }, disabled: true as const };
    assert.deepEqual(given({ providers: ["otel"] }, disabled), ["otel", "otel"]);
    assert.deepEqual(given(disabled, { providers: ["otel"] }, { providers: ["json"] }), [
      "otel",
      "json",
      "otel",
      "json",
    ]);
    assert.deepEqual(given({ disabled: true }), ["envoy"]);
  });

  it("goes to the default providers of Istio's own values where no entry names one", () => {
    const settings = mesh.parse({
      version: "1.31.1",
      values: { istiod: { meshConfig: { defaultProviders: { accessLogging: ["otel"] } } } },
    });
    assert.deepEqual(defaultLogs(settings), ["otel"]);
    assert.equal(defaultLogs(mesh.parse({ version: "1.31.1" })), undefined);
    const model = shopModel({ telemetry: { accessLogging: [{ workload: "ratings" }] } });
    const given = copyWithField(model, "telemetry", () => ({ ...model.telemetry, defaultLogs: ["otel"] }));
    const [found] = compilePolicies(given).filter(({ kind }) => kind === "Telemetry");
    assert.deepEqual(loggedTo(found?.spec as Spec), ["otel"]);
  });

  it("of the mesh config is kept with that of verification, also where Istio's own values have it", () => {
    const withValues = (meshConfig: object) => mesh.parse({ version: "1.31.1", values: { istiod: { meshConfig } } });
    assert.ok(hasAccessLog(withValues({ accessLogFile: "/dev/stdout" })));
    assert.ok(!hasAccessLog({ ...withValues({ accessLogFile: "" }), accessLog: true }));
    assert.ok(hasAccessLog({ ...withValues({}), accessLog: true }));
    assert.ok(!hasAccessLog(withValues({})));
    const model = shopModel({}, { verification: verification.parse({}) });
    const given = copyWithField(model, "telemetry", () => ({ ...model.telemetry, defaultLogs: ["otel"] }));
    const [found] = compilePolicies(given).filter(({ kind }) => kind === "Telemetry");
    assert.deepEqual(loggedTo(found?.spec as Spec), ["otel", probeProvider]);
  });

  it("keeps the log of the audit rules of a namespace at a workload with its own access log", () => {
    const found = telemetries({
      security: audit("shop/*"),
      telemetry: { accessLogging: [{ workload: "ratings", disabled: true }] },
    });
    assert.deepEqual([...found.keys()].sort(), ["shop/ratings.telemetry", "shop/telemetry"]);
    for (const spec of found.values()) assert.ok(loggedTo(spec).includes(auditProvider));
  });

  it("of the mesh is one object, with the tracing of an addon in it", () => {
    const overrides = { observability: tracing };
    const ofAddon = { providers: [{ name: "jaeger" }], randomSamplingPercentage: 3 };
    assert.deepEqual([...telemetries({}, overrides)], []);
    const mesh = (given: PolicySettings) => telemetries(given, overrides).get("istio-system/mesh-default")?.tracing;
    assert.deepEqual(mesh({ telemetry: { accessLogging: [{}] } }), [ofAddon]);
    assert.deepEqual(mesh({ telemetry: { tracing: [{ enableIstioTags: false }] } }), [
      { ...ofAddon, enableIstioTags: false },
    ]);
    assert.deepEqual(mesh({ telemetry: { tracing: [{ match: { mode: "SERVER" }, disableSpanReporting: true }] } }), [
      ofAddon,
      { match: { mode: "SERVER" }, disableSpanReporting: true },
    ]);
    assert.deepEqual(mesh({ security: audit("*") }), [ofAddon]);
  });

  it("of a namespace and the mesh applies to waypoints, without one of every kind of workload", () => {
    const entries = [{ workload: "*" }, { workload: "shop/*" }];
    assert.deepEqual(refusals(ambientSources({ telemetry: { accessLogging: entries } })), []);
    const [refusal = ""] = refusals(ambientSources({ telemetry: { accessLogging: entries } }, { waypoints: [] }));
    assert.match(refusal, /^telemetry.accessLogging\[1\]: an access log needs a waypoint for front/);
  });

  it("in a mode that its proxy never has is refused", () => {
    const entry = (workload: string, mode: "CLIENT" | "SERVER") => ({
      telemetry: { metrics: [{ workload, overrides: [{ match: { mode }, disabled: true }] }] },
    });
    const overrides = { gateways: [ingress] };
    assert.deepEqual(refusals(shopSources(entry("ratings", "CLIENT"), overrides)), []);
    assert.deepEqual(refusals(ambientSources(entry("ratings", "SERVER"), overrides)), []);
    assert.deepEqual(refusals(ambientSources(entry("ratings", "CLIENT"), overrides)), [
      "telemetry.metrics[0].overrides[0].match.mode: found CLIENT; the waypoint of ratings is on the side of the server; expected SERVER",
    ]);
    assert.deepEqual(refusals(shopSources(entry("ingress", "SERVER"), overrides)), [
      "telemetry.metrics[0].overrides[0].match.mode: found SERVER; a gateway is a client; expected CLIENT",
    ]);
  });

  it("takes its provider for tracing from the namespace or the mesh", () => {
    const zipkin = { service: "zipkin.zipkin.svc.cluster.local", port: 9411 };
    const refused = (...tracing: NonNullable<NonNullable<PolicySettings["telemetry"]>["tracing"]>) =>
      refusals(shopSources({ telemetry: { extensionProviders: [{ name: "zipkin", zipkin }], tracing } })).length;
    const entry = { workload: "ratings", disableSpanReporting: true };
    assert.equal(refused(entry), 1);
    assert.equal(refused(entry, { providers: ["zipkin"] }), 0);
    assert.equal(refused(entry, { workload: "shop/*", providers: ["zipkin"] }), 0);
    assert.equal(refused(entry, { workload: "reviews", providers: ["zipkin"] }), 1);
  });
});
