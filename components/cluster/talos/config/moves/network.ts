import { isTree } from "../tree";
import { type Move, move } from "./move";

/** Fields of `.machine.network`, and what `.machine.features` says of the network. */
export const networkMoves: readonly Move[] = [
  // gen config writes `auto: stable`, which goes with no host name.
  move("1.12", "machine.network.hostname", (hostname, { documents }) =>
    documents.merge("HostnameConfig", { auto: "off", hostname }),
  ),
  move("1.12", "machine.network.nameservers", (value, { documents }) => {
    const nameservers = Array.isArray(value) ? value.map((address: unknown) => ({ address })) : value;
    documents.merge("ResolverConfig", { nameservers });
  }),
  move("1.12", "machine.network.disableSearchDomain", (disableDefault, { documents }) =>
    documents.merge("ResolverConfig", { searchDomains: { disableDefault } }),
  ),
  move("1.12", "machine.network.searchDomains", (domains, { documents }) =>
    documents.merge("ResolverConfig", { searchDomains: { domains } }),
  ),
  move("1.13", "machine.network.kubespan", (value, { documents }) => {
    // Off is the default, and a document that says so would be all there is of KubeSpan.
    if (isTree(value) && value.enabled !== false) documents.merge("KubeSpanConfig", value);
    else documents.remove("KubeSpanConfig");
  }),
  move("1.14", "machine.features.hostDNS", (hostDNS, { documents }) => documents.merge("ResolverConfig", { hostDNS })),
  move("1.14", "machine.features.kubePrism", (value, { documents }) => {
    if (!isTree(value)) return;
    if (value.enabled === false) documents.remove("KubePrismConfig");
    else if (value.port !== undefined) documents.merge("KubePrismConfig", { port: value.port });
  }),
];
