import assert from "node:assert/strict";
import { applicationUrls } from "../../components/urls-and-notes";
import { overlap } from "../../components/cluster/kinds/subnets";
import { metallb } from "../../components/platform/products/metallb";
import { productContext } from "../../components/platform/products/registry";
import { isSecret } from "../../embedded/program/run-program";
import { runStack, type StackRun } from "../support/program";
import { beforeGatewaysOnly, fixture, settingsOf } from "./inputs";

describe("MetalLB in the program", function () {
  this.timeout(60_000);
  let run: StackRun;
  before(async () => {
    run = await runStack({ stack: "staging", configFile: fixture("platform-load-balancer") });
  });

  it("is a release of its own, in a namespace whose pods may use the network of their node", () => {
    const { inputs } = run.one("Release", "platform-metallb");
    assert.deepEqual(
      [inputs.name, inputs.chart, inputs.version, inputs.namespace, inputs.atomic, inputs.repositoryOpts],
      ["metallb", "metallb", "0.16.1", "metallb-system", true, { repo: "https://metallb.github.io/metallb" }],
    );
    const namespace = run.one("Namespace", "platform-metallb-system");
    const { labels } = namespace.inputs.metadata as { labels: Record<string, string> };
    assert.equal(labels["pod-security.kubernetes.io/enforce"], "privileged");
    assert.ok(run.dependsOn(run.one("Release", "platform-metallb"), namespace));
  });

  it("gets its pools after it answers, and announces them after that", () => {
    const [release, advertisement] = [run.one("Release", "platform-metallb"), run.one("L2Advertisement")];
    const answers = run.one("command:local:Command", "platform-metallb-accepted");
    assert.ok(run.dependsOn(answers, release));
    const pools = run.byType("IPAddressPool");
    assert.deepEqual(
      pools.map(({ name }) => name),
      ["platform-metallb-ipaddresspool-public", "platform-metallb-ipaddresspool-partners"],
    );
    for (const pool of pools) {
      assert.ok(run.dependsOn(pool, answers), pool.name);
      assert.ok(run.dependsOn(advertisement, pool), pool.name);
    }
  });

  it("comes before every gateway, and before nothing else of the mesh", () => {
    const loadBalancer = run.one("LoadBalancer");
    beforeGatewaysOnly(run, loadBalancer);
    const standard = run.byType("Gateway").find(({ name }) => name === "istio-gateway-standard");
    assert.ok(standard && run.dependsOn(standard, loadBalancer));
  });

  it("keeps the password of a peer secret, and creates it before the peer", async () => {
    const bgp = await runStack({
      stack: "production",
      configFile: fixture("platform-load-balancer-bgp"),
      overrides: { secrets: { bgp: "correct horse" } },
    });
    const secret = bgp.one("Secret", "platform-metallb-bgp-tor-1");
    assert.ok(
      isSecret(secret.inputs.stringData) || isSecret((secret.inputs.stringData as { password: unknown }).password),
    );
    const peer = bgp.one("BGPPeer");
    assert.ok(bgp.dependsOn(peer, secret));
    assert.ok(!JSON.stringify([peer.inputs, bgp.one("Release", "platform-metallb").inputs]).includes("correct horse"));
    assert.equal(bgp.byType("L2Advertisement").length, 0);
  });
});

describe("where MetalLB announces from", () => {
  const settings = settingsOf("platform-load-balancer");
  const given = metallb.given(settings) ?? assert.fail("the fixture has MetalLB");
  const speaker = (announceFromControlPlanes: boolean | undefined, nodes: (typeof settings)["cluster"]) => {
    const values = metallb.values(
      { ...given, announceFromControlPlanes },
      productContext({ ...settings, cluster: nodes }),
    );
    const { tolerateMaster, ignoreExcludeLB, affinity } = values.speaker as Record<string, unknown>;
    return [tolerateMaster, ignoreExcludeLB, affinity !== undefined];
  };
  const { cluster } = settings;
  const alone =
    cluster.kind === "talos" ? { ...cluster, nodes: cluster.nodes.filter((node) => node.controlPlane) } : cluster;

  it("is not from control planes, which Talos labels so, unless they are asked to", () => {
    assert.deepEqual(speaker(undefined, cluster), [false, false, true]);
    assert.deepEqual(speaker(true, cluster), [true, true, false]);
  });

  it("is from control planes where there is no other node", () => {
    assert.deepEqual(speaker(undefined, alone), [true, true, false]);
  });
});

describe("the URLs behind a load balancer", () => {
  it("have the fixed address of the gateway for any host, and none without one", () => {
    const settings = settingsOf("platform-load-balancer");
    const [service] = settings.traffic.services;
    assert.equal(service, undefined);
    const of = (gateway: object) =>
      applicationUrls(
        {
          observability: undefined,
          gateways: { ingress: { ...settings.gateways.ingress, ...gateway } },
          traffic: { services: [{ host: "shop", gateways: ["ingress"], hosts: ["*"], http: [] }] },
        } as never,
        "192.0.2.21",
      );
    assert.deepEqual(of({}), ["http://192.0.2.70:80/"]);
    assert.deepEqual(of({ loadBalancerIP: "2001:db8::7" }), ["http://[2001:db8::7]:80/"]);
    assert.deepEqual(of({ loadBalancerIP: undefined }), []);
  });
});

describe("ranges of addresses", () => {
  const pairs: readonly (readonly [one: string, other: string, overlaps: boolean])[] = [
    ["192.0.2.10-192.0.2.20", "192.0.2.20", true],
    ["192.0.2.10-192.0.2.20", "192.0.2.21", false],
    ["192.0.2.10-192.0.2.20", "192.0.2.16/28", true],
    ["192.0.1.250-192.0.2.1", "192.0.2.2/24", true],
    ["10.0.0.0-10.255.255.255", "10.96.0.0/12", true],
    ["192.0.2.10-192.0.2.20", "192.0.2.12-192.0.2.13", true],
    ["192.0.2.10-192.0.2.20", "2001:db8::/64", false],
    ["2001:db8::1-2001:db8::f", "2001:db8::a", true],
  ];
  for (const [one, other, overlaps] of pairs) {
    it(`${one} and ${other} ${overlaps ? "overlap" : "do not overlap"}`, () => {
      assert.deepEqual([overlap(one, other), overlap(other, one)], [overlaps, overlaps]);
    });
  }
});
