import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isSecret, unwrapSecrets } from "../../../embedded/program/run-program";
import { runStack, type StackRun } from "../../support/program";
import { authority, needsOpenssl, selfSigned } from "./openssl";

const hosts = ["a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com", "f.example.com"];

describe("the certificates of a gateway by host", function () {
  this.timeout(60_000);
  let stack: StackRun;
  let folder: string;
  before(async function () {
    needsOpenssl(this);
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-certificates-"));
    const made = selfSigned("DNS:a.example.com");
    const file = (name: string, text: string) => {
      writeFileSync(path.join(folder, name), text);
      return { file: path.join(folder, name) };
    };
    const clients = file("clients.crt", authority());
    stack = await runStack({
      config: {
        environment: "dev",
        cluster: { kind: "existing", name: "any", kubeconfig: { file: "./kubeconfig" } },
        charts: { source: "https://charts.example.com" },
        mesh: { version: "1.31.1" },
        gateways: {
          ingress: {
            tls: {
              selfSigned: true,
              servers: [
                {
                  hosts: ["a.example.com"],
                  certificate: file("a.crt", made.certificate),
                  privateKey: file("a.key", made.privateKey),
                },
                { hosts: ["b.example.com"], mode: "MUTUAL", credentialName: "of-b", caCertificate: clients },
                {
                  hosts: ["c.example.com"],
                  mode: "MUTUAL",
                  issuer: { name: "letsencrypt" },
                  caCertificate: clients,
                  caCrl: file("clients.crl", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"),
                },
                { hosts: ["d.example.com"], credentialNames: ["rsa", "ecdsa"] },
                { hosts: ["e.example.com"], mode: "PASSTHROUGH" },
              ],
            },
          },
        },
        bookinfo: {},
        traffic: {
          services: [
            {
              host: "productpage",
              gateways: ["ingress"],
              hosts: hosts.filter((host) => host !== "e.example.com"),
              http: [{}],
            },
            { host: "details", gateways: ["ingress"], hosts: ["e.example.com"], tls: {} },
          ],
        },
      },
    });
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true });
  });

  it("are Secrets of the program only where it knows the certificate, and secret from end to end", () => {
    const secrets = stack.byType("kubernetes:core/v1:Secret").map(({ name, inputs }) => {
      assert.ok(isSecret(inputs.stringData), name);
      const { metadata, type, stringData } = unwrapSecrets(inputs) as {
        readonly metadata: { readonly name: string; readonly namespace: string };
        readonly type: string;
        readonly stringData: object;
      };
      return [name, `${metadata.namespace}/${metadata.name}`, type, Object.keys(stringData).sort().join()];
    });
    const resource = "gateway-certificates-ingress";
    assert.deepEqual(
      secrets.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
      [
        [resource, "istio-ingress/istio-ingress-certificate", "kubernetes.io/tls", "tls.crt,tls.key"],
        [
          `${resource}/a.example.com`,
          "istio-ingress/istio-ingress-certificate.a.example.com",
          "kubernetes.io/tls",
          "tls.crt,tls.key",
        ],
        [`${resource}/b.example.com-clients`, "istio-ingress/of-b-cacert", "Opaque", "ca.crt"],
        [
          `${resource}/c.example.com-clients`,
          "istio-ingress/istio-ingress-certificate.c.example.com-cacert",
          "Opaque",
          "ca.crl,ca.crt",
        ],
      ],
    );
  });

  it("are issued by cert-manager under the name that the Gateway reads", () => {
    const { inputs } = stack.one("Certificate", "gateway-certificates-ingress/c.example.com-issued");
    const { apiVersion, spec, metadata } = inputs as { readonly apiVersion: string; spec: object; metadata: object };
    const name = "istio-ingress-certificate.c.example.com";
    assert.deepEqual([apiVersion, metadata], ["cert-manager.io/v1", { name, namespace: "istio-ingress" }]);
    assert.deepEqual(spec, {
      secretName: name,
      dnsNames: ["c.example.com"],
      issuerRef: { name: "letsencrypt", kind: "ClusterIssuer", group: "cert-manager.io" },
    });
  });

  it("are signed by themselves for the hosts that have no other", () => {
    const { environment } = stack.one("command:local:Command", "gateway-certificates-ingress-self-signed").inputs;
    const { SUBJECT_ALT_NAMES } = unwrapSecrets(environment) as Record<string, string>;
    assert.equal(SUBJECT_ALT_NAMES, "DNS:f.example.com,DNS:localhost,IP:127.0.0.1");
  });

  it("are named by the servers of the Gateway, none of which is for plain HTTP", () => {
    const { inputs } = stack.one("kubernetes:networking.istio.io/v1:Gateway", "gateway-istio-ingress/ingress");
    const { servers } = inputs.spec as {
      readonly servers: readonly {
        readonly port: { readonly number: number };
        readonly hosts: readonly string[];
        readonly tls: { readonly mode: string; readonly credentialName?: string; readonly credentialNames?: string[] };
      }[];
    };
    const described = servers.map(({ port, hosts: served, tls }) => [
      port.number,
      served.join(),
      tls.mode,
      tls.credentialNames?.join() ?? tls.credentialName,
    ]);
    const own = "istio-ingress-certificate";
    assert.deepEqual(described, [
      [443, "bookinfo/a.example.com", "SIMPLE", `${own}.a.example.com`],
      [443, "bookinfo/b.example.com", "MUTUAL", "of-b"],
      [443, "bookinfo/c.example.com", "MUTUAL", `${own}.c.example.com`],
      [443, "bookinfo/d.example.com", "SIMPLE", "rsa,ecdsa"],
      [443, "bookinfo/e.example.com", "PASSTHROUGH", undefined],
      [443, "bookinfo/f.example.com", "SIMPLE", own],
    ]);
  });
});
