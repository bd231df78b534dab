import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import { compareMinor } from "../../settings/versions";
import type { Refusal } from "../../shared/problem";
import type { PatchedCluster } from "./patches";

interface Subnets {
  readonly podSubnets: readonly string[];
  readonly serviceSubnets: readonly string[];
}

interface Cluster extends Subnets, PatchedCluster {
  readonly kubernetesVersion: string;
}

/** Whether two blocks, ranges (`a-b`) or addresses have an address in common: one of them then has an end of the other. */
export function overlap(one: string, other: string): boolean {
  return contains(one, other) || contains(other, one);
}

/** Whether an end of a range, or an address of a block, is in a block or range. */
function contains(block: string, inner: string): boolean {
  const [start = "", end] = block.split("-");
  const [network = "", prefix] = start.split("/");
  const family = isIPv4(network) ? "ipv4" : "ipv6";
  const list = new BlockList();
  if (end !== undefined) list.addRange(network, end, family);
  else list.addSubnet(network, Number(prefix ?? (family === "ipv4" ? 32 : 128)), family);
  const addresses = inner.split("-").map((address) => address.split("/")[0] ?? "");
  return addresses.some((address) => isIP(address) === isIP(network) && list.check(address, family));
}

/** Whether the first address of a range (`a-b`) is after its last. */
export function isReversed(range: string): boolean {
  const [first = "", last] = range.split("-");
  if (last === undefined) return false;
  try {
    new BlockList().addRange(first, last, isIPv4(first) ? "ipv4" : "ipv6");
    return false;
  } catch {
    return true;
  }
}

/** Refuses the address of a machine that the cluster also gives to pods or Services. */
export function insideSubnets(address: string, cluster: Subnets): Refusal {
  const fields = ["podSubnets", "serviceSubnets"] as const;
  const field = isIP(address)
    ? fields.find((name) => cluster[name].some((block) => overlap(block, address)))
    : undefined;
  return field && `found ${address}, which is inside ${field}; change one of them`;
}

/** What no machine has as its address; link-local IPv6 addresses need the name of an interface as well. */
const noMachine = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255", "::", "::1", "ff00::/8", "fe80::/10"];

export function unusableAddress(address: string): Refusal {
  const unusable = isIP(address) !== 0 && noMachine.some((block) => contains(block, address));
  return unusable && `found ${address}, at which no other machine reaches a node; expected an address of its network`;
}

/** An address in the one form that it is compared by. */
export function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address.toLowerCase();
}

/**
 * Talos gives these blocks to kube-apiserver and kube-controller-manager, which end where they cannot use one.
 * Source: kubernetes, cmd/kube-apiserver/app/options/validation.go, pkg/controller/nodeipam.
 */
export function subnetRefusals(cluster: Cluster): Refusal {
  const { podSubnets, serviceSubnets } = cluster;
  return {
    podSubnets: [twoOfOneFamily(podSubnets), ...(setsNodeMask(cluster) ? [] : podSubnets.map(podRefusal(cluster)))],
    serviceSubnets: [
      twoOfOneFamily(serviceSubnets),
      ...serviceSubnets.map(serviceRefusal(cluster)),
      ...serviceSubnets.flatMap((service) =>
        podSubnets
          .filter((pods) => overlap(service, pods))
          .map((pods) => `found ${service}, which overlaps ${pods} of podSubnets; change one of them`),
      ),
    ],
  };
}

function twoOfOneFamily(blocks: readonly string[]): Refusal {
  const [first, second] =
    [isIPv4, isIPv6]
      .map((isOf) => blocks.filter((block) => isOf(networkOf(block))))
      .find((ofFamily) => ofFamily.length > 1) ?? [];
  return second !== undefined && `found ${first} and ${second}; Kubernetes takes one of IPv4 and one of IPv6`;
}

const networkOf = (block: string) => block.split("/")[0] ?? "";

/** Bits of the block that each node gets of the pods' subnet. */
const nodeMask = { ipv4: 24, ipv6: 64 } as const;

const podRefusal =
  ({ nodes }: Cluster) =>
  (block: string): Refusal => {
    const prefix = Number(block.split("/")[1]);
    const family = isIPv4(networkOf(block)) ? "ipv4" : "ipv6";
    const mask = nodeMask[family];
    const blocks = 2 ** (mask - prefix);
    if (blocks < nodes.length) {
      const enough = prefix <= mask ? `for ${blocks}, and there are ${nodes.length} nodes` : "for none";
      return `found ${block}; each node gets a /${mask}, which is enough ${enough}; expected a larger block`;
    }
    // Source: pkg/controller/nodeipam/ipam/cidrset, CIDRSetSubNetTooBig.
    return (
      family === "ipv6" && mask - prefix > 16 && `found ${block}; expected at most a /48, of which each node gets a /64`
    );
  };

/** Files of patches are not read here. */
function setsNodeMask({ patches, controlPlane, nodes }: Cluster): boolean {
  const text = JSON.stringify([patches, controlPlane, nodes.filter((node) => node.controlPlane)]);
  return /node-cidr-mask-size|"@/.test(text);
}

const serviceRefusal =
  ({ kubernetesVersion }: Cluster) =>
  (block: string): Refusal => {
    const isIPv4Block = isIPv4(networkOf(block));
    const bits = (isIPv4Block ? 32 : 128) - Number(block.split("/")[1]);
    const smallest = isIPv4Block ? 28 : 124;
    // The DNS server has the tenth address.
    if (bits < 4) return `found ${block}; expected at least a /${smallest}, whose tenth address is that of DNS`;
    const isLimited = compareMinor(kubernetesVersion, "1.33") < 0;
    return (
      isLimited && bits > 20 && `found ${block}; expected at most a /${isIPv4Block ? 12 : 108} below Kubernetes 1.33`
    );
  };
