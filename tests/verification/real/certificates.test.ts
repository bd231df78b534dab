import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runCommand } from "../../../components/shared/run-command";
import { evaluateSeries } from "../../../components/verification/evaluation/evaluate";
import { statisticsOf } from "../../../components/verification/evaluation/statistics";
import type { Outcome, Series } from "../../../components/verification/probe";
import type { SeriesResult } from "../../../components/verification/result";
import { curlCommand, curlConfig, readOutput } from "../../../components/verification/run/requests";
import { envoyOrSkip, programOrSkip } from "../../benchmark/real/tools";
import { MeshEnvoy, type } from "./mesh-envoy";

describe("the certificate that a real Envoy shows", function () {
  this.timeout(120_000);
  let program: string;
  let openssl: string;
  let folder: string;
  let envoy: MeshEnvoy | undefined;

  before(async function () {
    openssl = programOrSkip(this, "openssl", "Debian's package openssl");
    programOrSkip(this, "curl", "Debian's package curl");
    program = await envoyOrSkip(this);
  });
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-shown-"))));
  afterEach(async () => {
    await envoy?.stop();
    envoy = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  /** @param days from now; -1: it has expired */
  async function certificate(file: string, host: string, days = 30): Promise<string> {
    const [key, request, pem] = ["key", "csr", "pem"].map((end) => path.join(folder, `${file}.${end}`)) as [
      string,
      string,
      string,
    ];
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const subject = ["-subj", "/CN=Example CA", "-addext", `subjectAltName=DNS:${host}`];
    await runCommand(openssl, ["req", "-new", ...ec, ...subject, "-keyout", key, "-out", request]);
    const signed = ["-req", "-in", request, "-signkey", key, "-copy_extensions", "copy"];
    await runCommand(openssl, ["x509", ...signed, "-days", String(days), "-out", pem]);
    return readFileSync(pem, "utf8");
  }

  /** What a client finds of the certificate in a file, which a gateway should show for a.example. */
  async function shown(file: string, known: readonly string[], needsClientCertificate = false): Promise<SeriesResult> {
    const [chain, key] = ["pem", "key"].map((end) => ({ filename: path.join(folder, `${file}.${end}`) }));
    envoy = await MeshEnvoy.start(program, folder, {
      transportSocket: {
        name: "envoy.transport_sockets.tls",
        typed_config: {
          ...type("transport_sockets.tls.v3.DownstreamTlsContext"),
          require_client_certificate: needsClientCertificate,
          common_tls_context: {
            tls_certificates: [{ certificate_chain: chain, private_key: key }],
            // As the mesh's default: of TLS 1.2 and 1.3, clients choose the newer.
            tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
            ...(needsClientCertificate && { validation_context: { trusted_ca: chain } }),
          },
        },
      },
    });
    const to = { kind: "gateway", namespace: "ingress", service: "ingress", port: 443, host: "a.example" } as const;
    const request: Series["request"] = { to, scheme: "https" };
    const address = { host: to.host, port: to.port, connect: { host: "127.0.0.1", port: envoy.port } };
    const prepared = [{ id: "run-1-1", request, address }];
    const { argv, stdin } = curlCommand(curlConfig(prepared, 1));
    const [shell = "", ...args] = argv;
    const { stdout } = await runCommand(shell, args, { input: stdin });
    const seen = readOutput(stdout, prepared).get("run-1-1");
    assert.ok(seen, stdout);
    assert.equal(seen.status, needsClientCertificate ? 0 : 200, stdout);
    const outcome: Outcome = {
      title: "its certificate",
      certificate: { host: to.host, secrets: ["ingress/tls"], known },
    };
    const series: Series = {
      ...{ title: "outside GET a.example/", role: "effect", client: { kind: "outside" }, request },
      expect: { kind: "every", outcome },
    };
    return evaluateSeries({ kind: "gateways" }, series, [{ ...seen, records: [] }], statisticsOf([], 10));
  }

  it("holds where it is that of the Secret, for the host, and the evidence says when it expires", async () => {
    const pem = await certificate("right", "a.example");
    const { verdict, evidence, failure } = await shown("right", [pem]);
    assert.equal(verdict, "holds", failure?.reason);
    assert.match(evidence, /a certificate of Example CA, which expires on 20\d\d-\d\d-\d\d$/);
  });

  it("holds by host and dates where the Secret cannot be read", async () => {
    await certificate("right", "a.example");
    assert.equal((await shown("right", [])).verdict, "holds");
  });

  it("is seen also by a client that is refused afterwards, because it has none", async () => {
    const pem = await certificate("right", "a.example");
    const { verdict, failure } = await shown("right", [pem], true);
    assert.equal(verdict, "holds", failure?.reason);
  });

  it("fails where it has expired", async () => {
    const pem = await certificate("old", "a.example", -1);
    const { verdict, failure } = await shown("old", [pem]);
    assert.equal(verdict, "fails");
    assert.match(failure?.reason ?? "", /a certificate of Example CA that expired on 20\d\d-\d\d-\d\d$/);
  });

  it("fails where it is for another name", async () => {
    const pem = await certificate("other", "b.example");
    const { verdict, failure } = await shown("other", [pem]);
    assert.equal(verdict, "fails");
    assert.match(failure?.reason ?? "", /that is for DNS:b\.example, and not for a\.example$/);
  });

  it("fails where the Secret has another", async () => {
    await certificate("shown", "a.example");
    const { verdict, failure } = await shown("shown", [await certificate("secret", "a.example")]);
    assert.equal(verdict, "fails");
    assert.match(failure?.reason ?? "", /that is not the one in Secret ingress\/tls$/);
  });
});
