import { announcementConflicts } from "../cluster/kinds/cilium";
import type { Model } from "../model/model";
import {
  bgpNodeGroups,
  ciliumAnnouncement,
  ciliumLoadBalancer,
  type CiliumLoadBalancerSettings,
} from "../platform/products/cilium-load-balancer";
import { milliseconds } from "../shared/duration";
import { own } from "../shared/own";
import { problemsOf, type Refusal, refusalOfEach } from "../shared/problem";
import type { Check } from "./check";

/** Cilium as the load balancer, where it is the cluster's CNI. */
export const ciliumChecks: readonly Check[] = [
  (model) => {
    const given = ciliumLoadBalancer(model.settings);
    return given ? problemsOf(loadBalancerRefusal(given, model), ["platform", "loadBalancer"]) : [];
  },
  ({ settings: { cluster, platform } }) => {
    const announcement = ciliumAnnouncement(platform);
    if (!announcement || cluster.kind !== "talos" || cluster.cni.name !== "cilium") return [];
    return announcementConflicts(cluster, announcement).map(({ path, message }) => ({
      path: ["cluster", "cni", "values", ...path],
      message,
    }));
  },
];

function loadBalancerRefusal(given: CiliumLoadBalancerSettings, { settings, cluster }: Model): Refusal {
  const missing = cniRefusal(settings.cluster, cluster);
  if (missing !== undefined) return { kind: missing };
  const { addressPools, bgp } = given;
  const replaced = settings.cluster.kind !== "talos" || !settings.cluster.cni.kubeProxy;
  return {
    kind:
      !bgp &&
      !replaced &&
      "found cilium, which announces by l2 only in place of kube-proxy; set cluster.cni.kubeProxy: false, or announce by bgp",
    addressPools: refusalOfEach(addressPools, ({ avoidBuggyIPs }) =>
      avoidBuggyIPs
        ? { avoidBuggyIPs: "found true; LB IPAM of Cilium has no such field; remove it, and write ranges without them" }
        : undefined,
    ),
    bgp: bgp && { peers: peerRefusals(bgp.peers) },
  };
}

function cniRefusal(settings: Model["settings"]["cluster"], { cni }: Model["cluster"]): string | undefined {
  const instead = "or set kind: metallb, which runs with any CNI";
  if (settings.kind === "talos") {
    const { name } = settings.cni;
    if (name === "cilium") return undefined;
    return `found cilium, and cluster.cni.name is ${name}; set that to cilium, ${instead}`;
  }
  if (cni === "cilium" || settings.kind !== "existing") return undefined;
  const known = cni === undefined ? "is not known to have Cilium" : `has the CNI ${cni}`;
  const where =
    settings.stackReference === undefined ? "set cluster.cni: cilium where it is" : "deploy that stack again";
  return `found cilium, and the cluster ${known}; ${where}, ${instead}`;
}

type Peers = NonNullable<CiliumLoadBalancerSettings["bgp"]>["peers"];

function peerRefusals(peers: Peers): Refusal {
  const groups = bgpNodeGroups(peers);
  return refusalOfEach(peers, (peer) => {
    const mine = groups.filter((group) => group.peers.includes(peer));
    const [other] = mine.flatMap((group) =>
      groups.slice(0, groups.indexOf(group)).filter(({ labels }) => !excludes(labels, group.labels)),
    );
    const { holdTime } = peer;
    return {
      holdTime:
        holdTime !== undefined && milliseconds(holdTime) < 3000 && `found ${holdTime}; Cilium needs at least 3s`,
      nodeSelectors:
        other &&
        `may select a node of peer ${other.peers[0]?.name}, and Cilium reads one configuration for a node; give both the same selectors, or labels that exclude each other`,
    };
  });
}

type Labels = Readonly<Record<string, string>>;

/** Whether no node can have both. */
function excludes(one: Labels, other: Labels): boolean {
  return Object.entries(one).some(([key, value]) => {
    const found = own(other, key);
    return found !== undefined && found !== value;
  });
}
