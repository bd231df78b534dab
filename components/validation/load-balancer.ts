import { isIP } from "node:net";
import { canonicalAddress, isReversed, overlap } from "../cluster/kinds/subnets";
import { sharedClusterIn, stackReferenceOf } from "../model/layers";
import type { Model } from "../model/model";
import { poolLabel } from "../platform/products/cilium-load-balancer";
import { announcesFromControlPlanes, announcing } from "../platform/products/metallb";
import type { GatewayDeploymentSettings } from "../settings/sections/gateways";
import type { AddressPoolSettings, AnnouncingSettings } from "../settings/sections/load-balancer";
import type { Settings } from "../settings/schema";
import { listOf, suggestion } from "../settings/wording";
import { own } from "../shared/own";
import { duplicates, type Problem, type Refusal } from "../shared/problem";
import { checkEach } from "../shared/unknown";
import { atMostOne, type Check, rule, unique } from "./check";

/** How a Service asks for addresses; the first names of annotations are deprecated. */
const requests = {
  metallb: {
    product: "MetalLB",
    pool: ["metallb.universe.tf/address-pool", "metallb.io/address-pool"],
    addresses: ["metallb.universe.tf/loadBalancerIPs", "metallb.io/loadBalancerIPs"],
    shares: /^metallb\.[a-z.]+\/allow-shared-ip$/,
    own: /^metallb\./,
  },
  // Source: cilium/cilium, pkg/annotation/k8s.go.
  cilium: {
    product: "Cilium",
    pool: [],
    addresses: ["io.cilium/lb-ipam-ips", "lbipam.cilium.io/ips"],
    shares: /^(io\.cilium\/lb-ipam|lbipam\.cilium\.io\/)-?sharing-key$/,
    own: /^(lbipam\.cilium\.io|io\.cilium)\//,
  },
} as const;

/** `platform.loadBalancer`, and the gateways that get their addresses from it. */
export const loadBalancerChecks: readonly Check[] = [
  rule("platform.loadBalancer", (_, { settings: { cluster }, cluster: { loadBalancers } }) =>
    loadBalancers
      ? undefined
      : `found one; gateways of a cluster of kind ${cluster.kind} have no load balancer; remove it`,
  ),
  atMostOne("platform.loadBalancer", ["l2", "bgp"]),
  unique("platform.loadBalancer.addressPools.*.name", "pool"),
  unique("platform.loadBalancer.bgp.peers.*.name", "peer"),
  rule("platform.loadBalancer.addressPools.*.addresses.*", addressRefusal),
  rule("platform.loadBalancer", (loadBalancer) => poolsOverlap(announcing(loadBalancer)?.addressPools ?? [])),
  rule("platform.loadBalancer", (loadBalancer, { settings }) => {
    if (loadBalancer.kind === "other" || settings.cluster.kind !== "talos") return undefined;
    const withoutWorkers = settings.cluster.nodes.every((node) => node.controlPlane);
    return (
      withoutWorkers &&
      !announcesFromControlPlanes(loadBalancer, settings) && {
        announceFromControlPlanes: "found false, and cluster.nodes has no worker that could announce; remove it",
      }
    );
  }),
  rule("gateways.*.serviceType", (type, { settings: { cluster, platform }, cluster: { loadBalancers } }) => {
    if (type !== "LoadBalancer") return undefined;
    const instead = "expected one of: NodePort, ClusterIP";
    if (!loadBalancers) return `found LoadBalancer; a cluster of kind ${cluster.kind} has no load balancer; ${instead}`;
    const none = cluster.kind === "talos" || sharedClusterIn(cluster)?.loadBalancer === false;
    if (!none || platform.loadBalancer) return undefined;
    const reference = stackReferenceOf(cluster);
    return (
      `found LoadBalancer, and Talos has no load balancer; set talos-mesh:platform.loadBalancer${reference === undefined ? "" : ` of ${reference}`}, ` +
      `with kind: other where you install one yourself; or ${instead}`
    );
  }),
  rule("gateways.*", assignedAddress),
  fixedAddressesOnce,
];

function addressRefusal(range: string, { settings: { cluster } }: Model): Refusal {
  if (isReversed(range)) return `found ${range}, whose first address is after its last; expected them in order`;
  const taken = takenAddresses(cluster).find(([block]) => overlap(range, block));
  return taken && `found ${range}, which overlaps ${taken.join(", ")}; expected addresses that nothing else has`;
}

/** What the cluster gives to machines, pods and Services, as far as it is known. */
function takenAddresses(cluster: Settings["cluster"]): (readonly [block: string, owner: string])[] {
  if (cluster.kind === "existing") return addressOf(cluster.nodeAddress, "cluster.nodeAddress");
  if (cluster.kind !== "talos") return [];
  return [
    ...cluster.nodes.flatMap(({ hostname, ipAddress }) => addressOf(ipAddress, `node ${hostname}`)),
    ...addressOf(new URL(cluster.endpoint).hostname.replace(/^\[|\]$/g, ""), "cluster.endpoint"),
    ...(["podSubnets", "serviceSubnets"] as const).flatMap((field) =>
      cluster[field].map((block) => [block, `cluster.${field}`] as const),
    ),
  ];
}

function addressOf(address = "", owner: string): [address: string, owner: string][] {
  return isIP(address) === 0 ? [] : [[address, owner]];
}

type Pools = readonly AddressPoolSettings[];

const section = "talos-mesh:platform.loadBalancer";

function poolsOverlap(pools: Pools): Refusal {
  const ranges = pools.flatMap(({ name, addresses }, pool) =>
    addresses.flatMap((range, position) => (isReversed(range) ? [] : [{ name, range, pool, position }])),
  );
  const refusals = ranges.map(({ range, pool, position }, index): Refusal => {
    const other = ranges.slice(0, index).find((earlier) => overlap(earlier.range, range));
    const message = other && `found ${range}, which overlaps ${other.range} of pool ${other.name}; change one of them`;
    return new Map([[pool, { addresses: new Map([[position, message]]) }]]);
  });
  return { addressPools: refusals };
}

/** Whether a gateway is assigned an address, as far as it is known from the settings. */
function assignedAddress(gateway: GatewayDeploymentSettings, { settings: { platform } }: Model): Refusal {
  const loadBalancer = announcing(platform.loadBalancer);
  if (gateway.kind === "existing" || gateway.serviceType !== "LoadBalancer" || !loadBalancer) return undefined;
  const { loadBalancerIP, serviceAnnotations = {}, labels = {} } = gateway;
  const { addressPools: pools, kind } = loadBalancer;
  const request = requests[kind];
  const annotation = (names: readonly string[]) => names.flatMap((name) => own(serviceAnnotations, name) ?? []).at(-1);
  const poolName = kind === "cilium" ? own(labels, poolLabel) : annotation(request.pool);
  const listed = annotation(request.addresses);
  const chosen = pools.filter(({ name }) => poolName === undefined || name === poolName);
  const has = ({ addresses }: Pools[number], address: string) =>
    addresses.some((range) => !isReversed(range) && overlap(range, address));
  const outside = (address: string): Refusal => {
    const pool = chosen.find((one) => has(one, address));
    const ranges = chosen.flatMap(({ addresses }) => addresses.filter((range) => !isReversed(range)));
    if (!pool) return `found ${address}; expected an address of ${section}.addressPools: ${listOf(ranges)}`;
    if (kind !== "cilium" || pool.autoAssign || poolName !== undefined) return undefined;
    return `found ${address} of pool ${pool.name}, which Cilium uses for Services that ask for it; add labels: { ${poolLabel}: ${pool.name} }`;
  };
  if (poolName !== undefined && chosen.length === 0) {
    const names = pools.map(({ name }) => name);
    const unknown = `found pool ${poolName}; no such pool in ${section}; ${suggestion(poolName, names)}`;
    return { [kind === "cilium" ? "labels" : "serviceAnnotations"]: unknown };
  }
  return [
    classRefusal(gateway, loadBalancer),
    // Its datapath drops what arrives at a node without a pod, and the node that announces is any.
    kind === "cilium" &&
      !loadBalancer.bgp &&
      gateway.externalTrafficPolicy === "Local" && {
        externalTrafficPolicy:
          "found Local; Cilium announces by l2 from nodes without a pod of the gateway as well, which drop the traffic; set Cluster, or announce by bgp",
      },
    Object.entries(requests)
      .filter(([other]) => other !== kind)
      .flatMap(([, { product, own: ofOther }]) =>
        Object.keys(serviceAnnotations)
          .filter((name) => ofOther.test(name))
          .map((name) => ({
            serviceAnnotations: `found ${name}, which is for ${product}, and ${section} is ${request.product}; remove it`,
          })),
      ),
    loadBalancerIP !== undefined && {
      loadBalancerIP:
        listed === undefined
          ? outside(loadBalancerIP)
          : "serviceAnnotations request an address as well; remove one of the two",
    },
    (listed ?? "")
      .split(",")
      .filter((address) => isIP(address.trim()) !== 0)
      .map((address) => ({ serviceAnnotations: outside(address.trim()) })),
    (loadBalancerIP ?? listed ?? poolName) === undefined &&
      !pools.some(({ autoAssign }) => autoAssign) && {
        loadBalancerIP: `missing; no pool of ${section} assigns addresses by itself (autoAssign: false)`,
      },
  ];
}

/** MetalLB reads Services without a class only, Cilium also those of the class of what announces. */
function classRefusal(
  { loadBalancerClass: found }: GatewayDeploymentSettings,
  { kind, bgp }: AnnouncingSettings,
): Refusal {
  if (found === undefined) return undefined;
  const expected = `io.cilium/${bgp ? "bgp-control-plane" : "l2-announcer"}`;
  if (kind === "cilium")
    return (
      found !== expected && {
        loadBalancerClass: `found ${found}; ${section} of kind cilium serves the class ${expected}, or none`,
      }
    );
  return {
    loadBalancerClass: `found ${found}; MetalLB of ${section} assigns no address to a Service with a class; remove it`,
  };
}

/** An address is of one Service, unless all that share it agree by an annotation. */
function fixedAddressesOnce({ settings: { gateways, platform } }: Model): Iterable<Problem> {
  const loadBalancer = announcing(platform.loadBalancer);
  if (!loadBalancer) return [];
  const { shares } = requests[loadBalancer.kind];
  const entries = checkEach(gateways, ["gateways"], ({ loadBalancerIP, serviceAnnotations = {} }, at) => {
    const shared = Object.keys(serviceAnnotations).some((name) => shares.test(name));
    if (loadBalancerIP === undefined || shared) return [];
    return [{ path: [...at, "loadBalancerIP"], key: canonicalAddress(loadBalancerIP) }];
  });
  return duplicates(entries, "address");
}
