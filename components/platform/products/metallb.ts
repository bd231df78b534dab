import { repositoryAndTag } from "../../observability/addons/addon";
import type { Settings } from "../../settings/schema";
import type { AnnouncingSettings, LoadBalancerSettings } from "../../settings/sections/load-balancer";
import { platformImages, platformKubernetes, versions } from "../../settings/versions";
import type { ApplyObject } from "../../shared/kubernetes/object";
import { defineProduct } from "./product";

const chart = {
  name: "metallb",
  product: "MetalLB",
  version: versions.metallb,
  repository: "https://metallb.github.io/metallb",
  images: {
    controller: platformImages.metallbController,
    speaker: platformImages.metallbSpeaker,
    frrK8s: platformImages.frrK8s,
    frr: platformImages.frr,
  },
  kubernetes: platformKubernetes.metallb,
} as const;

const namespace = "metallb-system";

/** Selects nodes by their label; Cilium has it in its policies. */
export const notOnControlPlanes = { key: "node-role.kubernetes.io/control-plane", operator: "DoesNotExist" } as const;

/** The speakers use the network of their node, and raw sockets for ARP: Pod Security `privileged`. */
export const metallb = defineProduct({
  component: "LoadBalancer",
  path: ["platform", "loadBalancer"],
  chart,
  namespace,
  podSecurity: "privileged",
  given: ({ platform: { loadBalancer } }) => (loadBalancer?.kind === "metallb" ? loadBalancer : undefined),
  images: ({ bgp }) => {
    const { controller, speaker, frrK8s, frr } = chart.images;
    return [controller, speaker, ...(bgp ? [frrK8s, frr] : [])];
  },
  values: (given, { settings, image, imagePullSecrets }) => {
    const { controller, speaker, frrK8s, frr } = chart.images;
    const everywhere = announcesFromControlPlanes(given, settings);
    const placement = { tolerateMaster: everywhere, ...(!everywhere && { affinity: awayFromControlPlanes }) };
    const pullSecrets = imagePullSecrets && { imagePullSecrets };
    return {
      ...pullSecrets,
      controller: { image: repositoryAndTag(image(controller)) },
      speaker: {
        image: repositoryAndTag(image(speaker)),
        ...placement,
        // Talos labels control planes with node.kubernetes.io/exclude-from-external-load-balancers.
        ignoreExcludeLB: everywhere,
      },
      frrk8s: { enabled: given.bgp !== undefined },
      ...(given.bgp && {
        "frr-k8s": {
          ...pullSecrets,
          frrk8s: {
            image: repositoryAndTag(image(frrK8s)),
            frr: { image: repositoryAndTag(image(frr)) },
            ...placement,
          },
        },
      }),
    };
  },
  secrets: ({ bgp }) =>
    (bgp?.peers ?? []).flatMap(({ name, password }) =>
      password
        ? [
            {
              name: passwordName(name),
              namespace,
              type: "kubernetes.io/basic-auth",
              entries: { password: password.secret },
            },
          ]
        : [],
    ),
  objects: ({ addressPools, l2, bgp }) => {
    const ipAddressPools = addressPools.map(({ name }) => name);
    return [
      ...addressPools.map(({ name, addresses, autoAssign, avoidBuggyIPs }) =>
        object("IPAddressPool", name, {
          addresses,
          autoAssign,
          ...(avoidBuggyIPs && { avoidBuggyIPs }),
        }),
      ),
      ...(bgp?.peers ?? []).map(({ name, password, nodeSelectors, ...peer }) =>
        object(
          "BGPPeer",
          name,
          {
            ...peer,
            ...selectors(nodeSelectors),
            ...(password && { passwordSecret: { name: passwordName(name), namespace } }),
          },
          "v1beta2",
        ),
      ),
      bgp
        ? object("BGPAdvertisement", "talos-mesh", {
            ipAddressPools,
            peers: bgp.peers.map(({ name }) => name),
            ...(bgp.aggregationLength !== undefined && { aggregationLength: bgp.aggregationLength }),
            ...(bgp.localPref !== undefined && { localPref: bgp.localPref }),
            ...(bgp.communities && { communities: bgp.communities }),
          })
        : object("L2Advertisement", "talos-mesh", {
            ipAddressPools,
            ...(l2?.interfaces && { interfaces: l2.interfaces }),
            ...selectors(l2?.nodeSelectors),
          }),
    ];
  },
});

/** The Secret with the password of a BGP peer. */
function passwordName(peer: string): string {
  return `bgp-${peer}`;
}

function object(kind: string, name: string, spec: object, version = "v1beta1"): ApplyObject {
  return { apiVersion: `metallb.io/${version}`, kind, metadata: { name, namespace }, spec };
}

function selectors(nodeSelectors: readonly Readonly<Record<string, string>>[] | undefined) {
  return nodeSelectors ? { nodeSelectors: nodeSelectors.map((matchLabels) => ({ matchLabels })) } : {};
}

const awayFromControlPlanes = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [notOnControlPlanes] }],
    },
  },
};

/** Where only control planes could announce, they do. */
export function announcesFromControlPlanes(
  { announceFromControlPlanes }: Pick<AnnouncingSettings, "announceFromControlPlanes">,
  { cluster }: Pick<Settings, "cluster">,
): boolean {
  return announceFromControlPlanes ?? (cluster.kind === "talos" && cluster.nodes.every((node) => node.controlPlane));
}

/** A load balancer whose pools are in the settings: MetalLB, or Cilium. */
export function announcing(loadBalancer: LoadBalancerSettings | undefined): AnnouncingSettings | undefined {
  return loadBalancer && loadBalancer.kind !== "other" ? loadBalancer : undefined;
}
