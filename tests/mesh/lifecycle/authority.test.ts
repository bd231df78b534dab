import assert from "node:assert/strict";
import {
  authorityCheck,
  rotationState,
  tooEarly,
  type Trust,
  trustInEnvoy,
  trustInZtunnel,
} from "../../../components/mesh/lifecycle/authority";
import { certificatesIn } from "../../../components/model/certificates";
import { issuedBy, type KeyPair, twoAuthorities } from "../gateways/openssl";
import { FakeCluster } from "./fake-cluster";

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("the replacement of a root", function () {
  this.timeout(60_000);
  let former: KeyPair;
  let next: KeyPair;
  let underFormer: string;
  let underNext: string;
  // Both roots have the same name, as istiod's own would have: only the signature tells them apart.
  before(function () {
    [former, next] = twoAuthorities(this);
    [underFormer, underNext] = [issuedBy(former), issuedBy(next)];
  });

  const roots = (...pairs: KeyPair[]) => certificatesIn(pairs.map(({ certificate }) => certificate).join(""));
  const workload = (name: string, certificate: string, ...trusted: KeyPair[]): Trust => ({
    name,
    chain: certificatesIn(certificate),
    roots: roots(...trusted),
  });
  const check = (signer: KeyPair, wanted: KeyPair[], workloads: Trust[]) =>
    tooEarly(roots(signer), roots(...wanted), workloads);

  it("is allowed where nothing runs, and in each step that the step before has prepared", () => {
    assert.equal(check(next, [next], []), undefined);
    const first = [workload("shop/a", underFormer, former)];
    assert.equal(check(former, [former, next], first), undefined);
    const second = [workload("shop/a", underFormer, former, next)];
    assert.equal(check(next, [former, next], second), undefined);
    const third = [workload("shop/a", underNext, former, next)];
    assert.equal(check(next, [next], third), undefined);
  });

  it("is refused where a workload does not trust the new root yet, and it is to sign", () => {
    const workloads = [workload("shop/a", underFormer, former, next), workload("shop/b", underFormer, former)];
    const { what, next: remedy } = check(next, [former, next], workloads) ?? assert.fail("it is accepted");
    assert.match(what, /^1 of 2 workloads do not trust CN=clients \([0-9A-F:]{11}\), which is to sign: shop\/b$/);
    assert.match(remedy, /with both roots in rootCertificate; run up, and restart istiod and these workloads/);
  });

  it("is refused where the former root is dropped while a certificate under it is in use", () => {
    const workloads = [workload("shop/a", underNext, former, next), workload("shop/b", underFormer, former, next)];
    const { what } = check(next, [next], workloads) ?? assert.fail("it is accepted");
    assert.equal(what, "rootCertificate has no root of the certificates that 1 of 2 workloads have: shop/b");
  });

  it("is described step by step, with what is next", () => {
    const state = (wanted: KeyPair[], ...workloads: Trust[]) => rotationState(roots(...wanted), workloads);
    const [both, old] = [[former, next], [former]];
    assert.equal(state(old), undefined);
    const quiet = state(old, workload("shop/a", underFormer, former)) ?? assert.fail();
    assert.match(quiet.message, /^all 1 workloads trust CN=clients/);
    assert.equal(quiet.next, undefined);
    const one = state(both, workload("shop/a", underFormer, ...both), workload("shop/b", underFormer, former));
    assert.match(one?.message ?? "", /^step 1: 1 of 2 workloads do not trust all of .* yet: shop\/b$/);
    assert.match(one?.next ?? "", /restart istiod and these workloads/);
    const prepared = state(both, workload("shop/a", underFormer, ...both));
    assert.match(prepared?.next ?? "", /store the new certificate and key, run up/);
    const two = state(both, workload("shop/a", underFormer, ...both), workload("shop/b", underNext, ...both));
    assert.match(two?.message ?? "", /^step 2: 1 of 2 workloads have a certificate under .*, 1 of 2 workloads have/);
    const three = state([next], workload("shop/a", underNext, ...both));
    assert.match(three?.message ?? "", /^step 3: .*; 1 trust a former root as well: shop\/a$/);
  });

  it("is read from the secrets of Envoy", () => {
    const configs = [
      { name: "default", secret: { tls_certificate: { certificate_chain: { inline_bytes: base64(underFormer) } } } },
      { name: "ROOTCA", secret: { validation_context: { trusted_ca: { inline_bytes: base64(former.certificate) } } } },
    ];
    const [read] = trustInEnvoy("shop/a", JSON.stringify({ configs }));
    assert.equal(tooEarly(roots(former), roots(former), read ? [read] : assert.fail()), undefined);
    assert.throws(() => trustInEnvoy("shop/a", JSON.stringify({ configs: configs.slice(1) })), /no certificate/);
  });

  it("is read from each identity of ztunnel that has a certificate", () => {
    const identity = "spiffe://cluster.local/ns/shop/sa/cart";
    const certificates = [
      { identity, certChain: [{ pem: base64(underFormer) }], rootCerts: [{ pem: base64(former.certificate) }] },
      { identity: "spiffe://cluster.local/ns/shop/sa/late", certChain: [], rootCerts: [] },
    ];
    const read = trustInZtunnel("istio-system/ztunnel-x", JSON.stringify({ certificates }));
    assert.deepEqual(
      read.map(({ name }) => name),
      [`istio-system/ztunnel-x ${identity}`],
    );
    assert.match(tooEarly(roots(next), roots(next), read)?.what ?? "", /do not trust/);
  });

  it("is not held up by a cluster without workloads, nor where an interruption is accepted", async () => {
    const { server, log } = new FakeCluster([]);
    const context = { server: server as never, log, signal: AbortSignal.timeout(10_000) };
    const request = { certificate: next.certificate, roots: next.certificate };
    assert.deepEqual(await authorityCheck(context, request), { checked: 0 });
    const logged: string[] = [];
    const unreachable = { ...context, server: undefined as never, log: (line: string) => void logged.push(line) };
    assert.deepEqual(await authorityCheck(unreachable, request, true), { checked: 0 });
    assert.match(logged.join(), /TALOS_MESH_REPLACE_AUTHORITY is set/);
  });
});
