import { isIP } from "node:net";
import { canonicalAddress, isReversed, overlap } from "../cluster/kinds/subnets";
import type { Model } from "../model/model";
import { addressPoolsOf, announcesFromControlPlanes } from "../platform/products/metallb";
import type { GatewayDeploymentSettings } from "../settings/sections/gateways";
import type { Settings } from "../settings/schema";
import { listOf, suggestion } from "../settings/wording";
import { own } from "../shared/own";
import { duplicates, type Problem, type Refusal } from "../shared/problem";
import { checkEach } from "../shared/unknown";
import { atMostOne, type Check, rule, unique } from "./check";

/** Annotations by which a Service asks MetalLB for a pool or for addresses; the first names are deprecated. */
const poolAnnotations = ["metallb.universe.tf/address-pool", "metallb.io/address-pool"];
const addressAnnotations = ["metallb.universe.tf/loadBalancerIPs", "metallb.io/loadBalancerIPs"];

/** `platform.loadBalancer`, and the gateways that get their addresses from it. */
export const loadBalancerChecks: readonly Check[] = [
  rule("platform.loadBalancer", (_, { settings: { cluster }, cluster: { loadBalancers } }) =>
    loadBalancers
      ? undefined
      : `found one; gateways of a cluster of kind ${cluster.kind} have no load balancer; remove it`,
  ),
  rule(
    "platform.loadBalancer.kind",
    (kind) =>
      kind === "cilium" &&
      "found cilium, which is not part of this release; set kind: metallb, which cluster.cni cilium allows too",
  ),
  atMostOne("platform.loadBalancer", ["l2", "bgp"]),
  unique("platform.loadBalancer.addressPools.*.name", "pool"),
  unique("platform.loadBalancer.bgp.peers.*.name", "peer"),
  rule("platform.loadBalancer.addressPools.*.addresses.*", addressRefusal),
  rule("platform.loadBalancer", (loadBalancer) => poolsOverlap(addressPoolsOf(loadBalancer))),
  rule("platform.loadBalancer", (loadBalancer, { settings }) => {
    if (loadBalancer.kind !== "metallb" || settings.cluster.kind !== "talos") return undefined;
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
    if (cluster.kind !== "talos" || platform.loadBalancer) return undefined;
    return (
      "found LoadBalancer, and Talos has no load balancer; set talos-mesh:platform.loadBalancer, with kind: other where " +
      `you install one yourself; or ${instead}`
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

type Pools = ReturnType<typeof addressPoolsOf>;

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

/** Whether MetalLB assigns an address to a gateway, as far as it is known from the settings. */
function assignedAddress(gateway: GatewayDeploymentSettings, { settings: { platform } }: Model): Refusal {
  const { loadBalancer } = platform;
  if (gateway.kind === "existing" || gateway.serviceType !== "LoadBalancer" || loadBalancer?.kind !== "metallb")
    return undefined;
  const { loadBalancerIP, loadBalancerClass, serviceAnnotations = {} } = gateway;
  const pools = addressPoolsOf(loadBalancer);
  const section = "talos-mesh:platform.loadBalancer";
  const annotation = (names: readonly string[]) => names.flatMap((name) => own(serviceAnnotations, name) ?? []).at(-1);
  const poolName = annotation(poolAnnotations);
  const listed = annotation(addressAnnotations);
  const chosen = pools.filter(({ name }) => poolName === undefined || name === poolName);
  const outside = (address: string): Refusal => {
    const ranges = chosen.flatMap(({ addresses }) => addresses.filter((range) => !isReversed(range)));
    if (ranges.some((range) => overlap(range, address))) return undefined;
    return `found ${address}; expected an address of ${section}.addressPools: ${listOf(ranges)}`;
  };
  if (poolName !== undefined && chosen.length === 0) {
    const names = pools.map(({ name }) => name);
    return { serviceAnnotations: `found pool ${poolName}; no such pool in ${section}; ${suggestion(poolName, names)}` };
  }
  return [
    loadBalancerClass !== undefined && {
      loadBalancerClass: `found ${loadBalancerClass}; MetalLB of ${section} assigns no address to a Service with a class; remove it`,
    },
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

/** MetalLB gives an address to one Service, unless all that share it agree by an annotation. */
function fixedAddressesOnce({ settings: { gateways, platform } }: Model): Iterable<Problem> {
  if (platform.loadBalancer?.kind !== "metallb") return [];
  const entries = checkEach(gateways, ["gateways"], ({ loadBalancerIP, serviceAnnotations = {} }, at) => {
    const shared = Object.keys(serviceAnnotations).some((name) => /^metallb\.[a-z.]+\/allow-shared-ip$/.test(name));
    if (loadBalancerIP === undefined || shared) return [];
    return [{ path: [...at, "loadBalancerIP"], key: canonicalAddress(loadBalancerIP) }];
  });
  return duplicates(entries, "address");
}
