import assert from "node:assert/strict";
import { applicationUrls, environmentNotes } from "../../components/urls-and-notes";
import { validate } from "../../components/validation/validate";
import type { Settings } from "../../components/settings/schema";

function settings(overrides: Record<string, unknown> = {}): Settings {
  const raw = {
    environment: "dev",
    cluster: { kind: "embedded", name: "lab" },
    mesh: { version: "1.31.1" },
    bookinfo: {},
    gateways: { ingress: { ports: { http: { port: 80, nodePort: 30080 } } } },
    traffic: {
      services: [
        {
          host: "productpage",
          gateways: ["ingress"],
          hosts: ["shop.example.com"],
          http: [{ match: [{ uri: { exact: "/productpage" } }] }],
        },
      ],
    },
    ...overrides,
  };
  return validate(raw, { secretNames: [] }).settings;
}

const productpage = settings().traffic.services[0];

describe("the URLs of an environment", () => {
  it("are one for each host name, with the node port and the first path that is admitted", () => {
    assert.deepEqual(applicationUrls(settings(), undefined), ["http://shop.example.com:30080/productpage"]);
  });

  it("are at the node's own address where any host will do", () => {
    const any = settings({ traffic: { services: [{ ...productpage, hosts: ["*"] }] } });
    assert.deepEqual(applicationUrls(any, "192.0.2.7"), ["http://192.0.2.7:30080/productpage"]);
    assert.deepEqual(applicationUrls(any, undefined), []);
  });

  it("are not guessed where Kubernetes chooses the node port", () => {
    assert.deepEqual(applicationUrls(settings({ gateways: { ingress: {} } }), "192.0.2.7"), []);
  });

  it("have the Service's port where the gateway is reached inside the cluster only", () => {
    const inside = settings({ gateways: { ingress: { serviceType: "ClusterIP" } } });
    assert.deepEqual(applicationUrls(inside, undefined), ["http://shop.example.com:80/productpage"]);
  });
});

describe("what is said of a cluster", () => {
  it("warns of simulated nodes and of stand-in charts, and of nothing on a real cluster with real charts", () => {
    const standIn = { kind: "folder", path: "./embedded/charts", standIn: true } as const;
    const official = { kind: "repository", url: "https://charts.example.com" } as const;
    const plain = settings({});
    assert.equal(environmentNotes({ simulatedNodes: true }, official, plain).length, 2);
    assert.match(environmentNotes({ simulatedNodes: false }, standIn, plain).join(), /stand-ins/);
    assert.deepEqual(environmentNotes({ simulatedNodes: false }, { ...standIn, standIn: false }, plain), []);
  });

  it("says how long a benchmark takes and what it cannot tell, before anything is made, and of simulated nodes neither", () => {
    const official = { kind: "repository", url: "https://charts.example.com" } as const;
    const benchmark = { scenarios: ["none", "sidecar"], qps: [100], tcpStreams: [], transactions: false, blocks: 5 };
    const measured = settings({ benchmark: { ...benchmark, duration: "60s", warmUp: "15s" } });
    const [takes = "", blind = "", ...others] = environmentNotes({ simulatedNodes: false }, official, measured);
    // 10 runs of 75 s, and some seconds between them.
    assert.match(takes, /1[34] min or more: 10 runs/);
    assert.match(
      blind,
      /benchmark\.blocks: with 5 blocks, no difference from scenario none can be significant for p50, /,
    );
    assert.deepEqual(others, []);
    const enough = settings({ benchmark: { ...benchmark, blocks: 10 } });
    assert.equal(environmentNotes({ simulatedNodes: false }, official, enough).length, 1);
    assert.equal(environmentNotes({ simulatedNodes: true }, official, measured).length, 2);
  });
});
