import type { KubernetesObject } from "../components/shared/kubernetes/object";

/**
 * Objects in the order in which they are placed, those of a list side by side; taken away, they go the other way round.
 *
 * - What a name stands for: subsets, gateways, TLS to a host outside.
 * - Routes of hosts outside. Nothing reaches such a host yet.
 * - The hosts outside. From a ServiceEntry on a proxy goes to its host by the shortest way, past an egress gateway and
 *   without TLS, where nothing else is said of it.
 * - All other routes, as one to a subset or a host that is not there yet answers 503.
 */
export function placingOrder(objects: readonly KubernetesObject[]): KubernetesObject[][] {
  const outside = objects.filter(({ kind }) => kind === "ServiceEntry").flatMap(hostsOf);
  const placeOf = (object: KubernetesObject): number => {
    if (object.kind === "ServiceEntry") return 2;
    if (object.kind === "HTTPRoute") return 3;
    if (object.kind !== "VirtualService") return 0;
    return hostsOf(object).some((host) => outside.some((known) => fallsUnder(host, known))) ? 1 : 3;
  };
  const groups = [0, 1, 2, 3].map((place) => objects.filter((object) => placeOf(object) === place));
  return groups.filter((group) => group.length > 0);
}

function hostsOf({ spec }: KubernetesObject): readonly string[] {
  return (spec as { readonly hosts?: readonly string[] } | undefined)?.hosts ?? [];
}

function fallsUnder(host: string, known: string): boolean {
  return host === known || (known.startsWith("*.") && host.endsWith(known.slice(1)));
}
