import assert from "node:assert/strict";
import path from "node:path";
import { isSecret } from "../../embedded/program/run-program";
import { runStack, type StackRun } from "../support/program";
import { root } from "../settings/stack-files";

const secrets = { registry: '{"auths": {}}', dns: "token of the account", ca: "", caKey: "" };

describe("cert-manager in the program", function () {
  this.timeout(60_000);
  let run: StackRun;
  before(async () => {
    run = await runStack({
      stack: "staging",
      configFile: path.join(root, "tests/fixtures/good/platform-cert-manager.yaml"),
      overrides: {
        secrets: { ...secrets, ca: null, caKey: null },
        platform: { certManager: { issuers: { company: null } } },
        gateways: { chart: { tls: { certManager: { clusterIssuer: "lab" } } } },
      },
    });
  });

  const spec = (kind: string, name: string) => run.one(kind, name).inputs.spec as Record<string, unknown>;

  it("is a release of its own, after the Gateway API that its challenges use", () => {
    const release = run.one("Release", "platform-cert-manager");
    const { inputs } = release;
    assert.deepEqual(
      [inputs.chart, inputs.version, inputs.namespace, inputs.atomic],
      ["cert-manager", "v1.21.1", "cert-manager", true],
    );
    assert.ok(run.dependsOn(release, run.one("GatewayApi")));
    assert.ok(run.dependsOn(release, run.one("Namespace", "platform-cert-manager")));
    assert.ok(!run.dependsOn(run.one("Release", "istio-istiod"), release), "the mesh waits for certificates");
  });

  it("has its issuers before the certificates of gateways, of which each kind has its own", () => {
    const certificates = run
      .byType("Certificate")
      .filter(({ name }) => name.startsWith("gateway-certificates"))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(
      certificates.map(({ inputs }) => {
        const { dnsNames, issuerRef, secretName, duration } = inputs.spec as Record<string, unknown>;
        const { namespace } = inputs.metadata as { namespace: string };
        const { kind, name } = issuerRef as { kind: string; name: string };
        return [namespace, secretName, dnsNames, `${kind} ${name}`, duration];
      }),
      [
        ["istio-chart", "istio-chart-certificate", ["*.example.com"], "ClusterIssuer lab", "720h"],
        ["istio-chart", "istio-chart-certificate.api.example.com", ["api.example.com"], "Issuer team", undefined],
        ["istio-chart", "istio-chart-certificate.old.example.com", ["old.example.com"], "ClusterIssuer lab", undefined],
        ["istio-ingress", "istio-ingress-certificate", ["shop.example.com"], "ClusterIssuer letsencrypt", undefined],
      ],
    );
    for (const certificate of certificates) {
      for (const issuer of run.byType("ClusterIssuer")) assert.ok(run.dependsOn(certificate, issuer), issuer.name);
    }
  });

  it("answers challenges by routes of the gateway's own namespace, which its listener for plain HTTP admits", () => {
    const { acme } = spec("ClusterIssuer", "platform-cert-manager-clusterissuer-letsencrypt") as {
      acme: { solvers: readonly { http01: { gatewayHTTPRoute: object } }[] };
    };
    assert.ok(acme.solvers[0] && !("parentRefs" in acme.solvers[0].http01.gatewayHTTPRoute));
    const annotated = run.byType("Certificate").flatMap(({ inputs }) => {
      const { annotations = {}, name } = inputs.metadata as { annotations?: Record<string, string>; name: string };
      return Object.entries(annotations).map(([key, value]) => [name, key, value]);
    });
    const prefix = "acme.cert-manager.io/http01-parentref";
    assert.deepEqual(annotated, [
      ["istio-ingress-certificate", `${prefix}kind`, "Gateway"],
      ["istio-ingress-certificate", `${prefix}name`, "ingress"],
      ["istio-ingress-certificate", `${prefix}namespace`, "istio-ingress"],
    ]);
    const { listeners } = spec("Gateway", "istio-gateway-ingress") as {
      listeners: readonly { name: string; allowedRoutes: { namespaces: { selector: object } } }[];
    };
    const key = "kubernetes.io/metadata.name";
    assert.deepEqual(
      listeners.map(({ name, allowedRoutes }) => [name, allowedRoutes.namespaces.selector]),
      [
        [
          "http.shop.example.com",
          { matchExpressions: [{ key, operator: "In", values: ["bookinfo", "istio-ingress"] }] },
        ],
        ["https.shop.example.com", { matchLabels: { [key]: "bookinfo" } }],
      ],
    );
  });

  it("keeps the accounts of DNS providers secret, and creates them before the issuers", () => {
    const secret = run.one("Secret", "platform-cert-manager-cloudflare-dns");
    assert.ok(isSecret(secret.inputs.stringData) || isSecret((secret.inputs.stringData as { secret: unknown }).secret));
    const issuer = run.one("ClusterIssuer", "platform-cert-manager-clusterissuer-cloudflare");
    assert.ok(run.dependsOn(issuer, secret));
    assert.ok(!JSON.stringify(run.byType("ClusterIssuer").map(({ inputs }) => inputs)).includes(secrets.dns));
  });
});
