import assert from "node:assert/strict";
import type { GatewayWorkload, ServicePort } from "../../components/shared/workload";
import { explain, type Question } from "../../policies/explain/explain";
import { ingress, type PolicySettings, shop, shopModel } from "../support/policy-models";

type Service = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];

const http: ServicePort = { name: "http", port: 9080, protocol: "http" };
const tcp: ServicePort = { name: "tcp", port: 9000, protocol: "tcp" };
const tls: ServicePort = { name: "tls", port: 9443, protocol: "tls" };
const gateway: GatewayWorkload = { ...ingress, ports: { ...ingress.ports, echo: 31400 } };
const tlsGateway = (plainHttp: "closed" | "redirect", mode: "SIMPLE" | "PASSTHROUGH"): GatewayWorkload => ({
  ...gateway,
  tls: { plainHttp, servers: [{ mode, credentialNames: [] }] },
});
const web = { host: "reviews", gateways: ["ingress"], hosts: ["shop.example.com"] };
const split = { route: { v1: 100 } };

function ask(
  services: Service[],
  question: Partial<Question>,
  { ports = [http, tcp], gateways = [gateway], security = {} } = {},
) {
  const workloads = shop.map((one) => (one.name === "front" ? one : { ...one, ports }));
  const model = shopModel({ traffic: { services }, security }, { workloads, gateways });
  const request = { from: "ingress", to: "reviews", method: "GET", path: "/", headers: {}, ...question };
  const { outcome, answers, steps } = explain(model, request);
  return { result: [outcome, ...answers].join(" "), steps: steps.map(({ what }) => what), paths: steps };
}

describe("the explanation of what enters by a gateway", () => {
  const connections: Service = { host: "reviews", gateways: ["ingress"], tcp: [split] };

  it("follows the rules for connections of a further port, and no others", () => {
    const { result, steps, paths } = ask([connections], {});
    assert.equal(result, "passes");
    assert.equal(steps[0], "its connection goes to v1 100%");
    assert.deepEqual(paths[0]?.path, ["traffic", "services", 0, "tcp", 0]);
    assert.equal(ask([connections], { port: 31400 }).result, "passes");
    assert.equal(ask([connections], { port: 80 }).result, "no route 404");
    assert.equal(ask([connections], { port: 31401 }).result, "no route reset");
  });

  it("distinguishes the entries of a service by port and host", () => {
    const page: Service = { ...web, http: [{ match: [{ uri: { prefix: "/a" } }] }] };
    const services = [connections, page];
    assert.equal(ask(services, { port: 31400 }).result, "passes");
    assert.equal(ask(services, { port: 80 }).result, "no route 404");
    assert.equal(ask(services, { port: 80, path: "/a" }).result, "passes");
    assert.equal(ask([page], { headers: { host: "shop.example.com:80" }, path: "/a" }).result, "passes");
    assert.equal(ask([page], { headers: { Host: "other.example.com" }, path: "/a" }).result, "no route 404");
  });

  it("follows TLS by the name in the handshake", () => {
    const passing: Service = {
      ...web,
      hosts: ["a.example.com", "*.example.org"],
      tls: [{ match: [{ sniHosts: ["a.example.com"] }] }],
    };
    const setting = { ports: [http, tls], gateways: [tlsGateway("closed", "PASSTHROUGH")] };
    const of = (host: string) => ask([passing], { headers: { host } }, setting).result;
    assert.equal(of("a.example.com"), "passes");
    assert.equal(of("b.example.org"), "no route reset");
    assert.equal(of("b.example.net"), "no route 404");
    assert.equal(ask([passing], { port: 80 }, setting).result, "no route reset");
  });

  it("names the redirect of plain HTTP", () => {
    const page: Service = { ...web, http: [{}] };
    const of = (plainHttp: "closed" | "redirect", port?: number) =>
      ask([page], { ...(port && { port }) }, { gateways: [tlsGateway(plainHttp, "SIMPLE")] }).result;
    assert.equal(of("redirect", 80), "answered");
    assert.equal(of("redirect"), "passes");
    assert.equal(of("closed", 80), "no route reset");
    assert.equal(of("closed", 443), "passes");
  });

  it("authorizes connections at the gateway and at the port of the workload, without HTTP", () => {
    const of = (authorization: NonNullable<PolicySettings["security"]>["authorization"]) =>
      ask([connections], { address: "192.0.2.7" }, { security: { authorization } }).result;
    assert.equal(of({ deny: [{ to: "ingress", remoteIpBlocks: ["192.0.2.0/24"] }] }), "denied reset");
    assert.equal(of({ deny: [{ to: "reviews", ports: [9000] }] }), "denied reset");
    assert.equal(of({ deny: [{ to: "reviews", ports: [9080] }] }), "passes");
    assert.equal(of({ deny: [{ to: "reviews", ports: [31400] }] }), "passes");
    // Where a condition of HTTP cannot be judged, an ALLOW matches nothing, and a DENY everything.
    assert.equal(of({ allow: [{ to: "ingress", methods: ["GET"] }] }), "denied reset");
    assert.equal(of({ deny: [{ to: "ingress", methods: ["POST"] }] }), "denied reset");
  });

  it("follows a connection to another service, in the mesh too", () => {
    const tcp = [{ route: [{ host: "ratings" }] }];
    const of = (service: Service, question: Partial<Question>) =>
      ask([service], question, { security: { authorization: { deny: [{ to: "ratings", ports: [9000] }] } } });
    for (const { result, steps } of [
      of({ ...connections, tcp }, {}),
      of({ host: "reviews", tcp }, { from: "front", port: 9000 }),
    ]) {
      assert.ok(steps.includes("it does not reach reviews; what follows is for ratings"), steps.join("\n"));
      assert.equal(result, "denied reset");
    }
  });

  it("asks the port that a rule names for the authorization", () => {
    const page: Service = { ...web, port: 9080, http: [{ route: [{ port: 8080 }] }] };
    const ports = [http, { ...http, name: "http-admin", port: 8080 }];
    const security = { authorization: { deny: [{ to: "reviews", ports: [8080] }] } };
    assert.equal(ask([page], {}, { ports, security }).result, "denied 403");
  });
});
