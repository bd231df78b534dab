import assert from "node:assert/strict";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { execFileSync } from "node:child_process";
import { certificateProblems, checkCertificate } from "../../../components/validation/certificates";
import { SettingsError } from "../../../components/shared/problem";
import { validate } from "../../../components/validation/validate";
import { authority, type KeyPair, needsOpenssl, selfSigned } from "./openssl";

const dayMs = 24 * 60 * 60 * 1000;
const names = "DNS:shop.example.com,DNS:*.books.example.com,DNS:localhost,IP:127.0.0.1";

describe("a self-signed certificate", function () {
  this.timeout(30_000);
  let made: KeyPair;
  before(function () {
    needsOpenssl(this);
    made = selfSigned(names);
  });

  it("is a pair of key and certificate for the requested names", () => {
    const certificate = new X509Certificate(made.certificate);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(made.privateKey)));
    assert.ok(certificate.verify(certificate.publicKey), "is signed by itself");
    assert.equal(certificate.ca, false);
    assert.deepEqual(checkCertificate(made, ["shop.example.com", "*.books.example.com", "localhost"], new Date()), []);
    const days = (new Date(certificate.validTo).getTime() - Date.now()) / dayMs;
    assert.ok(days > 759 && days < 761, `${days} days`);
  });

  it("is one that a client can trust", async () => {
    const server = tls.createServer({ key: made.privateKey, cert: made.certificate }, (socket) => socket.end());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const trusting = { host: "127.0.0.1", port, ca: made.certificate };
      const client = tls.connect({ ...trusting, servername: "shop.example.com" });
      await once(client, "secureConnect");
      assert.equal(client.authorized, true);
      client.destroy();
      const stranger = tls.connect({ ...trusting, servername: "other.example.com" });
      await assert.rejects(once(stranger, "secureConnect"), /altnames|does not match/i);
    } finally {
      server.close();
    }
  });

  it("is a different one each time", () => {
    assert.notEqual(selfSigned(names).privateKey, made.privateKey);
  });

  it("needs openssl, and the error without it names the remedy", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-path-"));
    try {
      const bash = execFileSync("bash", ["-c", "command -v bash"], { encoding: "utf8" }).trim();
      symlinkSync(bash, path.join(folder, "bash"));
      assert.throws(
        () => selfSigned(names, 1, { PATH: folder }),
        (error: { stderr: string }) => /openssl is not on PATH.*Install it, or set certificate/.test(error.stderr),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("a certificate of the user", function () {
  this.timeout(30_000);
  let own: KeyPair;
  let other: KeyPair;
  let clients: string;
  before(function () {
    needsOpenssl(this);
    own = selfSigned(names, 100);
    other = selfSigned(names);
    clients = authority();
  });

  const judge = (texts: Parameters<typeof checkCertificate>[0], hosts: string[] = [], inDays = 0) =>
    checkCertificate(texts, hosts, new Date(Date.now() + inDays * dayMs)).map(
      ({ field, severity, message }) => `${severity} ${field}: ${message}`,
    );

  it("is accepted where everything is right, with the CA of the clients", () => {
    assert.deepEqual(judge({ ...own, caCertificate: clients }, ["shop.example.com", "a.books.example.com", "*"]), []);
  });

  it("is refused where it cannot be read, and the message contains no part of it", () => {
    const found = judge({ certificate: "[a secret]", privateKey: own.certificate, caCertificate: own.privateKey });
    assert.deepEqual(
      found.map((each) => each.slice(0, 45)),
      [
        "error certificate: cannot be read; expected PEM",
        "error privateKey: cannot be read; expected PEM:",
        "error caCertificate: cannot be read; expected P",
      ].map((each) => each.slice(0, 45)),
    );
    assert.doesNotMatch(found.join(), /a secret/);
  });

  it("is refused with the key of another certificate", () => {
    assert.deepEqual(judge({ ...own, privateKey: other.privateKey }), [
      "error privateKey: is not the key of this certificate; store the two as a pair",
    ]);
  });

  it("is refused before and after its validity, and causes a warning near its end", () => {
    const { validTo } = new X509Certificate(own.certificate);
    const end = new Date(validTo).toISOString().slice(0, 10);
    assert.match(judge(own, [], -1).join(), /^error certificate: is not valid before \d{4}-\d\d-\d\d$/);
    assert.deepEqual(judge(own, [], 69), []);
    assert.deepEqual(judge(own, [], 71), [`warning certificate: is valid until ${end}, another 28 days; renew it`]);
    assert.deepEqual(judge(own, [], 98), [`warning certificate: is valid until ${end}, another 1 day; renew it`]);
    assert.deepEqual(judge(own, [], 101), [`error certificate: was valid until ${end}; store a renewed one`]);
  });

  it("is refused for hosts that it does not cover, also for a wildcard", () => {
    const [found = "", ...more] = judge(own, ["shop.example.com", "cart.example.com", "*.example.com", "*"]);
    assert.deepEqual(more, []);
    assert.match(
      found,
      /^error certificate: does not cover cart\.example\.com, \*\.example\.com \(its names: DNS:shop/,
    );
  });

  it("is refused as a CA where it is none", () => {
    assert.match(
      judge({ caCertificate: own.certificate }).join(),
      /^error caCertificate: .*can sign no client certificate$/,
    );
  });

  it("is checked with the settings, and causes a warning in time", () => {
    const raw = {
      environment: "dev",
      cluster: { kind: "embedded", name: "test" },
      mesh: { version: "1.31.1" },
      bookinfo: {},
      gateways: { ingress: { tls: { certificate: { secret: "cert" }, privateKey: { secret: "key" } } } },
      traffic: {
        services: [{ host: "productpage", gateways: ["ingress"], hosts: ["cart.example.com"], http: [{}] }],
      },
    };
    const parse = (certificate: string, hosts = ["cart.example.com"]) => {
      const traffic = { services: [{ ...raw.traffic.services[0], hosts }] };
      const secretTexts = new Map([
        ["cert", certificate],
        ["key", own.privateKey],
      ]);
      const { settings } = validate({ ...raw, traffic }, { secretNames: ["cert", "key"], secretTexts });
      return [...certificateProblems(settings, { secretTexts, projectRoot: "." }, "warning")];
    };
    assert.throws(
      () => parse(own.certificate),
      (error) =>
        error instanceof SettingsError &&
        error.message.includes(
          "talos-mesh:gateways.ingress.tls.certificate: secret cert does not cover cart.example.com",
        ),
    );
    assert.deepEqual(parse(own.certificate, ["shop.example.com"]), []);
    const ending = selfSigned(names, 10);
    const warnings = certificateProblems(
      validate({ ...raw, traffic: {} }, { secretNames: ["cert", "key"] }).settings,
      { secretTexts: new Map([["cert", ending.certificate]]), projectRoot: "." },
      "warning",
    );
    assert.deepEqual(
      [...warnings].map(({ path: where }) => where.join(".")),
      ["gateways.ingress.tls.certificate"],
    );
  });

  it("are also those that proxies present to services outside the mesh", () => {
    const other = selfSigned(names);
    const tlsOf = (privateKey: string) => ({
      mode: "MUTUAL",
      clientCertificate: { secret: "cert" },
      privateKey: { secret: privateKey },
      insecureSkipVerify: true,
    });
    const api = (privateKey: string) => ({
      environment: "dev",
      cluster: { kind: "embedded", name: "test" },
      mesh: { version: "1.31.1" },
      bookinfo: {},
      gateways: { egress: { serviceType: "ClusterIP" } },
      traffic: {
        externalServices: [
          {
            hosts: ["api.example.com"],
            ports: [{ number: 80, protocol: "HTTP" }],
            egressGateway: "egress",
            trafficPolicy: { tls: tlsOf(privateKey) },
          },
        ],
      },
    });
    const secretTexts = new Map([
      ["cert", own.certificate],
      ["key", own.privateKey],
      ["other", other.privateKey],
    ]);
    const check = (privateKey: string) =>
      validate(api(privateKey), { secretNames: ["cert", "key", "other"], secretTexts });
    assert.throws(
      () => check("other"),
      /externalServices\[0\].trafficPolicy.tls.privateKey: secret other is not the key of this certificate/,
    );
    check("key");
  });
});
