import { z } from "zod";
import { addressRange, dnsLabel, flag, form, ipAddress, labels, off, port, secretRef, some } from "../fields";
import { count, seconds, uint32 } from "../quantities";

/** `talos-mesh:platform.loadBalancer`, in the words of MetalLB's API, for Cilium too. */

const addressPool = z.strictObject({
  name: dnsLabel,
  addresses: z.array(addressRange).min(1).describe("Blocks, or ranges from the first to the last address."),
  autoAssign: z.boolean().default(true).describe("Off: only for gateways that ask for the pool, or an address in it."),
  avoidBuggyIPs: off("metallb only: leave out addresses that end in .0 and .255."),
});

const nodeSelectors = some(labels).describe("Labels of the nodes that announce; default: all.");

const l2 = z
  .strictObject({ interfaces: some(form("[^\\s/]{1,15}", "expected the name of an interface")), nodeSelectors })
  .describe("One node answers ARP and NDP for each address: nodes and addresses are in one network. The default.");

const autonomousSystem = count(1, uint32);

const bgpPeer = z.strictObject({
  name: dnsLabel,
  myASN: autonomousSystem,
  peerASN: autonomousSystem,
  peerAddress: ipAddress,
  peerPort: port.optional().describe("Default: 179."),
  holdTime: seconds.optional(),
  ebgpMultiHop: flag("The peer is more than one hop away."),
  password: secretRef.optional(),
  nodeSelectors,
});

const bgp = z
  .strictObject({
    peers: z.array(bgpPeer).min(1),
    aggregationLength: count(1, 32).optional(),
    localPref: count(0, uint32).optional(),
    communities: some(form("(\\d{1,5}:\\d{1,5}|large(:\\d{1,10}){3})", "expected a community such as 64500:100")),
  })
  .describe("Nodes announce the addresses to routers.");

const announced = {
  addressPools: z.array(addressPool).min(1),
  l2: l2.optional(),
  bgp: bgp.optional(),
  announceFromControlPlanes: flag(
    "Control planes announce as well, which their label on Talos forbids. Default: only where cluster.nodes has no worker.",
  ),
};

export const loadBalancer = z
  .discriminatedUnion(
    "kind",
    [
      z.strictObject({
        kind: z.literal("metallb").describe("MetalLB, from its chart."),
        ...announced,
      }),
      z.strictObject({
        kind: z.literal("cilium").describe("LB IPAM of Cilium, where it is the cluster's CNI."),
        ...announced,
      }),
      z.strictObject({ kind: z.literal("other").describe("One that others install.") }),
    ],
    { error: ({ code }) => (code === "invalid_union" ? "expected one of: metallb, cilium, other" : undefined) },
  )
  .describe("What gives addresses to gateways of type LoadBalancer.");

export type LoadBalancerSettings = z.output<typeof loadBalancer>;
export type AddressPoolSettings = z.output<typeof addressPool>;
export type BgpPeerSettings = z.output<typeof bgpPeer>;
/** One that this program installs, or sets up. */
export type AnnouncingSettings = Exclude<LoadBalancerSettings, { readonly kind: "other" }>;
