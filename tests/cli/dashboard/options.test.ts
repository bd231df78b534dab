import assert from "node:assert/strict";
import { parseCommandLine } from "../../../cli/command";
import { command } from "../../../cli/commands/dashboard";
import { pageOf, pages } from "../../../cli/dashboard/page";
import { validate } from "../../../components/validation/validate";

describe("the options of npm run dashboard", () => {
  const parse = (...argv: string[]) => parseCommandLine(command, argv).values;

  it("name an addon, a stack and a port", () => {
    assert.deepEqual(parse("kiali", "--stack", "staging", "--port", "0", "--show-password"), {
      addon: "kiali",
      stack: "staging",
      config: undefined,
      port: 0,
      showPassword: true,
    });
    const { stack, port, showPassword } = parse("grafana");
    assert.deepEqual({ stack, port, showPassword }, { stack: "dev", port: undefined, showPassword: false });
  });

  for (const [argv, message] of [
    [[], /missing required argument 'addon'/],
    [["loki"], /addon "loki": expected one of: prometheus, grafana, kiali, jaeger, zipkin/],
    [["kiali", "grafana"], /unexpected: grafana/],
    [["kiali", "--port", "http"], /--port "http": expected a number from 0 to 65535/],
    [["kiali", "--port", "65536"], /--port "65536"/],
    [["kiali", "--prot", "1"], /'--prot'\n\(Did you mean --port\?\)/],
  ] as const) {
    it(`refuse ${argv.join(" ") || "nothing"} with what is allowed`, () => {
      assert.throws(() => parse(...argv), { name: "UsageError", message });
    });
  }
});

describe("an addon's page", () => {
  const settingsWith = (observability: object, cluster: object = existing) =>
    validate(
      { environment: "dev", cluster, mesh: { version: "1.31.1" }, observability },
      { secretNames: [], file: "test" },
    ).settings;
  const existing = { kind: "existing", name: "test", kubeconfig: { file: "./kubeconfig" } };
  const all = { prometheus: {}, grafana: {}, kiali: {}, tracing: { provider: "jaeger" } };

  it("is where the addon's Service is, with the login that the settings ask for", () => {
    const settings = settingsWith({ ...all, namespace: "watch" });
    assert.deepEqual(pageOf(settings, "grafana", "test"), {
      page: "grafana",
      service: "grafana",
      port: 3000,
      path: "/",
      namespace: "watch",
      login: { kind: "password", user: "admin", secret: "grafana-admin", key: "admin-password" },
    });
    const { path, login } = pageOf(settings, "kiali", "test");
    assert.deepEqual([path, login], ["/kiali", { kind: "token", serviceAccount: "kiali" }]);
    assert.deepEqual(pageOf(settings, "prometheus", "test").login, { kind: "none" });
  });

  it("needs no login where everybody may look", () => {
    const settings = settingsWith({ prometheus: {}, grafana: { anonymous: true }, kiali: { anonymous: true } });
    for (const page of ["grafana", "kiali"] as const) {
      assert.deepEqual(pageOf(settings, page, "test").login, { kind: "none" });
    }
  });

  it("is refused where the stack has no such addon, with those it has", () => {
    assert.throws(
      () => pageOf(settingsWith(all), "zipkin", "test"),
      /Stack test has no zipkin: it has prometheus, grafana, kiali, jaeger\. Add tracing: \{ provider: zipkin \}/,
    );
    for (const page of pages) {
      assert.throws(() => pageOf(settingsWith({}), page, "test"), /it has no addons/);
    }
  });

  it("is refused on simulated nodes, where nothing runs", () => {
    const settings = settingsWith(all, { kind: "embedded", name: "test" });
    assert.throws(() => pageOf(settings, "kiali", "test"), /simulated nodes.*there is nothing to show/);
  });
});
