import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { ciliumChart } from "../../components/cluster/kinds/cilium";
import { ciliumLoadBalancer, ciliumLoadBalancerObjects } from "../../components/platform/products/cilium-load-balancer";
import { asTree } from "../../components/shared/merge";
import { schemaProblems } from "../../components/validation/structural-schema";
import { isSecret } from "../../embedded/program/run-program";
import { chartsVariable, crdSchemas } from "../support/official-charts";
import { runStack, type StackRun } from "../support/program";
import { skip } from "../support/skip";
import { beforeGatewaysOnly, fixture, settingsOf } from "./inputs";

function objectsOf(name: string) {
  const settings = settingsOf(name);
  const given = ciliumLoadBalancer(settings) ?? assert.fail("the fixture has Cilium as its load balancer");
  return ciliumLoadBalancerObjects(given, settings);
}

const specs = (name: string) => objectsOf(name).map(({ kind, metadata, spec }) => [kind, metadata.name, spec]);
const workersOnly = { matchExpressions: [{ key: "node-role.kubernetes.io/control-plane", operator: "DoesNotExist" }] };

describe("Cilium as the load balancer", () => {
  it("has a pool for Services that ask for it, one for all others, and a policy for each selection of workers", () => {
    const policy = { loadBalancerIPs: true, interfaces: ["^eth0\\.100$"] };
    assert.deepEqual(specs("platform-load-balancer-cilium"), [
      [
        "CiliumLoadBalancerIPPool",
        "public",
        {
          blocks: [{ cidr: "192.0.2.64/27" }, { start: "192.0.2.100", stop: "192.0.2.110" }],
          serviceSelector: {
            matchExpressions: [{ key: "talos-mesh/address-pool", operator: "NotIn", values: ["partners"] }],
          },
        },
      ],
      [
        "CiliumLoadBalancerIPPool",
        "partners",
        {
          blocks: [{ cidr: "2001:db8:64::/120" }],
          serviceSelector: { matchLabels: { "talos-mesh/address-pool": "partners" } },
        },
      ],
      [
        "CiliumL2AnnouncementPolicy",
        "talos-mesh",
        { ...policy, nodeSelector: { matchLabels: { "example.com/edge": "true" }, ...workersOnly } },
      ],
      [
        "CiliumL2AnnouncementPolicy",
        "talos-mesh-2",
        { ...policy, nodeSelector: { matchLabels: { "example.com/site": "a" }, ...workersOnly } },
      ],
    ]);
  });

  it("has a configuration of BGP for the nodes of each rack, with all peers of the rack", () => {
    const families = ["ipv4", "ipv6"].map((afi) => ({
      ...{ afi, safi: "unicast" },
      advertisements: { matchLabels: { "talos-mesh/advertise": "load-balancer" } },
    }));
    const rack = (zone: string, ...peers: object[]) => ({
      nodeSelector: { matchLabels: { "topology.kubernetes.io/zone": zone } },
      bgpInstances: [{ name: "as-64512", localASN: 64512, peers }],
    });
    const peer = (name: string, peerASN: number, peerAddress: string) => {
      return { name, peerASN, peerAddress, peerConfigRef: { name } };
    };
    const spine = peer("spine", 64512, "192.0.2.3");
    assert.deepEqual(specs("platform-load-balancer-cilium-bgp"), [
      ["CiliumLoadBalancerIPPool", "public", { blocks: [{ cidr: "203.0.113.0/24" }, { cidr: "2001:db8:64::/120" }] }],
      [
        "CiliumBGPAdvertisement",
        "talos-mesh",
        {
          advertisements: [
            {
              advertisementType: "Service",
              service: { addresses: ["LoadBalancerIP"] },
              selector: { matchExpressions: [{ key: "talos-mesh/not-advertised", operator: "DoesNotExist" }] },
              attributes: { communities: { standard: ["64512:100"], large: ["64512:1:2"] }, localPreference: 100 },
            },
          ],
        },
      ],
      [
        "CiliumBGPPeerConfig",
        "tor-a",
        {
          authSecretRef: "cilium-bgp-tor-a",
          timers: { holdTimeSeconds: 9, keepAliveTimeSeconds: 3 },
          ebgpMultihop: 255,
          transport: { peerPort: 1179 },
          families,
        },
      ],
      ["CiliumBGPPeerConfig", "tor-b", { families }],
      ["CiliumBGPPeerConfig", "spine", { families }],
      ["CiliumBGPClusterConfig", "talos-mesh", rack("a", peer("tor-a", 64513, "192.0.2.1"), spine)],
      ["CiliumBGPClusterConfig", "talos-mesh-2", rack("b", peer("tor-b", 64514, "192.0.2.2"), spine)],
    ]);
  });

  it("has objects that the CRDs of the pinned Cilium accept", function () {
    // The operator registers them; they are pkg/k8s/apis/cilium.io/client/crds of its sources.
    const home = path.join(process.env[chartsVariable] ?? "", `${ciliumChart.name}-${ciliumChart.version}`);
    if (process.env[chartsVariable] === undefined || !existsSync(path.join(home, "crds")))
      skip(this, `${chartsVariable} has no crds in the folder of Cilium`);
    const schemas = crdSchemas(home);
    for (const name of ["platform-load-balancer-cilium", "platform-load-balancer-cilium-bgp"]) {
      for (const { apiVersion, kind, spec } of objectsOf(name)) {
        const schema = schemas.get(`${apiVersion} ${kind}`) ?? assert.fail(`there is no ${apiVersion} ${kind}`);
        assert.deepEqual([...schemaProblems(schema, spec, [])], [], kind);
      }
    }
  });
});

describe("Cilium as the load balancer, in the program", function () {
  this.timeout(60_000);
  let run: StackRun;
  before(async () => {
    run = await runStack({ stack: "staging", configFile: fixture("platform-load-balancer-cilium") });
  });

  it("is announced by the Cilium that is installed with the cluster, which may renew a Lease for each Service", () => {
    const { l2announcements, k8sClientRateLimit, bgpControlPlane } = asTree(
      run.one("Release", "cluster-cni").inputs.values,
    );
    assert.deepEqual(
      [l2announcements, k8sClientRateLimit, bgpControlPlane],
      [{ enabled: true }, { qps: 50, burst: 100 }, undefined],
    );
  });

  it("is created after the cluster is usable, and before every gateway", () => {
    const [pool, policy] = [
      run.one("CiliumLoadBalancerIPPool", "platform-cilium-ciliumloadbalancerippool-public"),
      run.one("CiliumL2AnnouncementPolicy", "platform-cilium-ciliuml2announcementpolicy-talos-mesh"),
    ];
    assert.ok(run.dependsOn(pool, run.one("Command", "cluster-health")));
    assert.ok(run.dependsOn(policy, pool));
    beforeGatewaysOnly(run, policy);
  });

  it("is not announced where it is not the load balancer", async () => {
    const other = await runStack({
      stack: "staging",
      configFile: fixture("platform-load-balancer-cilium"),
      overrides: { platform: { loadBalancer: null }, gateways: { ingress: null, standard: null, partners: null } },
    });
    const { l2announcements, k8sClientRateLimit } = asTree(other.one("Release", "cluster-cni").inputs.values);
    assert.deepEqual([l2announcements, k8sClientRateLimit], [undefined, undefined]);
    assert.deepEqual(other.byType("CiliumLoadBalancerIPPool"), []);
  });

  it("keeps the password of a peer secret, in the namespace that Cilium reads, and notes what it cannot check", async () => {
    const bgp = await runStack({
      stack: "production",
      configFile: fixture("platform-load-balancer-cilium-bgp"),
      overrides: { secrets: { bgp: "correct horse" } },
    });
    const secret = bgp.one("Secret", "platform-cilium-cilium-bgp-tor-a");
    assert.deepEqual(secret.inputs.metadata, { name: "cilium-bgp-tor-a", namespace: "kube-system" });
    assert.ok(
      isSecret(secret.inputs.stringData) || isSecret((secret.inputs.stringData as { password: unknown }).password),
    );
    const peer = bgp.one("CiliumBGPPeerConfig", "platform-cilium-ciliumbgppeerconfig-tor-a");
    assert.ok(bgp.dependsOn(peer, secret));
    assert.ok(!JSON.stringify(peer.inputs).includes("correct horse"));
    assert.match(
      (bgp.outputs.notes as string[]).join("\n"),
      /announces addresses, by its values bgpControlPlane\.enabled/,
    );
  });
});
