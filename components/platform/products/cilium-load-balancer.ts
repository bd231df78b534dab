import { isIPv6 } from "node:net";
import type { CiliumAnnouncement } from "../../cluster/kinds/cilium";
import type { Settings } from "../../settings/schema";
import type { AddressPoolSettings, BgpPeerSettings, LoadBalancerSettings } from "../../settings/sections/load-balancer";
import { milliseconds } from "../../shared/duration";
import type { ApplyObject } from "../../shared/kubernetes/object";
import { escaped } from "../../shared/re2";
import { announcesFromControlPlanes, notOnControlPlanes } from "./metallb";
import type { ProductSecret } from "./product";

export type CiliumLoadBalancerSettings = Extract<LoadBalancerSettings, { readonly kind: "cilium" }>;

/** Cilium as the load balancer: its own kinds only, as it is installed with the cluster. */
export function ciliumLoadBalancer({
  platform: { loadBalancer },
}: Pick<Settings, "platform">): CiliumLoadBalancerSettings | undefined {
  return loadBalancer?.kind === "cilium" ? loadBalancer : undefined;
}

/** How it announces, by which the values of its chart follow. */
export function ciliumAnnouncement(platform: Settings["platform"]): CiliumAnnouncement | undefined {
  const given = ciliumLoadBalancer({ platform });
  return given && (given.bgp ? "bgp" : "l2");
}

/** The label of a Service that asks for a pool; LB IPAM knows no annotation for that. */
export const poolLabel = "talos-mesh/address-pool";

/** The label of what is announced to peers. */
const advertised = { "talos-mesh/advertise": "load-balancer" };

/** Where Cilium may read the passwords of BGP peers, by its chart. */
const secretNamespace = "kube-system";

export function ciliumPeerSecrets({ bgp }: CiliumLoadBalancerSettings): ProductSecret[] {
  return (bgp?.peers ?? []).flatMap(({ name, password }) =>
    password
      ? [{ name: secretName(name), namespace: secretNamespace, type: "Opaque", entries: { password: password.secret } }]
      : [],
  );
}

/** Cluster-wide, in the order in which they are created. https://docs.cilium.io/en/stable/network/lb-ipam/ */
export function ciliumLoadBalancerObjects(
  given: CiliumLoadBalancerSettings,
  settings: Pick<Settings, "cluster">,
): ApplyObject[] {
  const pools = given.addressPools.map((pool) =>
    object("v2", "CiliumLoadBalancerIPPool", pool.name, poolSpec(pool, given.addressPools)),
  );
  // Neither announcement follows Talos' label node.kubernetes.io/exclude-from-external-load-balancers.
  const nodes = announcesFromControlPlanes(given, settings) ? [] : [notOnControlPlanes];
  return [...pools, ...(given.bgp ? bgpObjects(given.bgp, given.addressPools, nodes) : l2Objects(given.l2, nodes))];
}

function poolSpec({ name, addresses, autoAssign }: AddressPoolSettings, pools: readonly AddressPoolSettings[]) {
  const blocks = addresses.map((range) => {
    const [start, stop] = range.split("-");
    return stop === undefined ? { cidr: range } : { start, stop };
  });
  const others = pools.map((pool) => pool.name).filter((other) => other !== name);
  if (!autoAssign) return { blocks, serviceSelector: { matchLabels: { [poolLabel]: name } } };
  // Of Services without the label as well.
  const notForOthers = { key: poolLabel, operator: "NotIn", values: others };
  return { blocks, ...(others.length > 0 && { serviceSelector: { matchExpressions: [notForOthers] } }) };
}

type Expressions = readonly object[];

function l2Objects(l2: CiliumLoadBalancerSettings["l2"], nodes: Expressions): ApplyObject[] {
  return (l2?.nodeSelectors ?? [{}]).map((labels, index) =>
    object("v2alpha1", "CiliumL2AnnouncementPolicy", numbered(index), {
      loadBalancerIPs: true,
      ...nodeSelector(labels, nodes),
      // Regular expressions of Go.
      ...(l2?.interfaces && { interfaces: l2.interfaces.map((name) => `^${escaped(name)}$`) }),
    }),
  );
}

function bgpObjects(
  { peers, aggregationLength, localPref, communities }: NonNullable<CiliumLoadBalancerSettings["bgp"]>,
  pools: readonly AddressPoolSettings[],
  nodes: Expressions,
): ApplyObject[] {
  const isUsed = (version: 4 | 6) =>
    pools.some(({ addresses }) => addresses.some((range) => isIPv6(range.split(/[-/]/)[0] ?? "") === (version === 6)));
  const families = ([4, 6] as const).filter(isUsed).map((version) => ({
    ...{ afi: `ipv${version}`, safi: "unicast" },
    advertisements: { matchLabels: advertised },
  }));
  const [large, standard] = [true, false].map((isLarge) =>
    (communities ?? []).filter((each) => each.startsWith("large:") === isLarge),
  );
  const attributes = {
    ...(communities && {
      communities: {
        ...(standard && standard.length > 0 && { standard }),
        ...(large && large.length > 0 && { large: large.map((each) => each.replace("large:", "")) }),
      },
    }),
    ...(localPref !== undefined && { localPreference: localPref }),
  };
  const advertisement = {
    advertisementType: "Service",
    service: {
      addresses: ["LoadBalancerIP"],
      // 32 is a route for each address, which is the default.
      ...(aggregationLength !== undefined && aggregationLength < 32 && { aggregationLengthIPv4: aggregationLength }),
    },
    // Without a selector, no Service is advertised: every one that has no such label.
    selector: { matchExpressions: [{ key: "talos-mesh/not-advertised", operator: "DoesNotExist" }] },
    ...(Object.keys(attributes).length > 0 && { attributes }),
  };
  const metadata = { name: numbered(0), labels: advertised };
  return [
    { ...object("v2", "CiliumBGPAdvertisement", metadata.name, { advertisements: [advertisement] }), metadata },
    ...peers.map((peer) => object("v2", "CiliumBGPPeerConfig", peer.name, peerSpec(peer, families))),
    ...bgpNodeGroups(peers).map(({ labels, peers: ofNodes }, index) =>
      object("v2", "CiliumBGPClusterConfig", numbered(index), {
        ...nodeSelector(labels, nodes),
        bgpInstances: instances(ofNodes),
      }),
    ),
  ];
}

function peerSpec({ name, peerPort, holdTime, ebgpMultiHop, password }: BgpPeerSettings, families: readonly object[]) {
  const holdTimeSeconds = holdTime === undefined ? undefined : milliseconds(holdTime) / 1000;
  return {
    ...(password && { authSecretRef: secretName(name) }),
    // As usual, a third of the hold time, which it must not exceed.
    ...(holdTimeSeconds !== undefined && {
      timers: { holdTimeSeconds, keepAliveTimeSeconds: Math.max(1, Math.floor(holdTimeSeconds / 3)) },
    }),
    ...(ebgpMultiHop && { ebgpMultihop: 255 }),
    ...(peerPort !== undefined && { transport: { peerPort } }),
    families,
  };
}

function instances(peers: readonly BgpPeerSettings[]) {
  const systems = [...new Set(peers.map(({ myASN }) => myASN))];
  return systems.map((localASN) => ({
    name: `as-${localASN}`,
    localASN,
    peers: peers
      .filter(({ myASN }) => myASN === localASN)
      .map(({ name, peerASN, peerAddress }) => ({ name, peerASN, peerAddress, peerConfigRef: { name } })),
  }));
}

type Labels = Readonly<Record<string, string>>;

/** The peers of each selection of nodes. Cilium gives a node one configuration, so that selections must exclude each other. */
export function bgpNodeGroups(peers: readonly BgpPeerSettings[]) {
  const groups = new Map<string, { readonly labels: Labels; readonly peers: BgpPeerSettings[] }>();
  for (const peer of peers) {
    for (const labels of peer.nodeSelectors ?? [{}]) {
      const key = JSON.stringify(Object.entries(labels).sort());
      const group = groups.get(key) ?? { labels, peers: [] };
      if (!group.peers.includes(peer)) group.peers.push(peer);
      groups.set(key, group);
    }
  }
  return [...groups.values()];
}

function nodeSelector(labels: Labels, matchExpressions: Expressions) {
  const selector = {
    ...(Object.keys(labels).length > 0 && { matchLabels: labels }),
    ...(matchExpressions.length > 0 && { matchExpressions }),
  };
  return Object.keys(selector).length > 0 ? { nodeSelector: selector } : {};
}

function object(version: string, kind: string, name: string, spec: object): ApplyObject {
  return { apiVersion: `cilium.io/${version}`, kind, metadata: { name }, spec };
}

function numbered(index: number): string {
  return index === 0 ? "talos-mesh" : `talos-mesh-${index + 1}`;
}

function secretName(peer: string): string {
  return `cilium-bgp-${peer}`;
}
