import { isDeepStrictEqual } from "node:util";
import { parse, parseAllDocuments } from "yaml";
import { asTree, isTree, type Tree, treesIn } from "../../../components/shared/merge";

/** Differences in meaning between two machine configs: paths such as `machine.network.interfaces` or `LinkConfig eth0`. */
export function differences(ours: string, theirs: string): string[] {
  const [a, b] = [documentsOf(ours), documentsOf(theirs)];
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((id) => {
    const [one, other] = [a.get(id), b.get(id)];
    if (!one || !other) return [id];
    return differingPaths(one, other, id === "v1alpha1" ? "" : id);
  });
}

function documentsOf(text: string): ReadonlyMap<string, Tree> {
  const documents = parseAllDocuments(text).map((document) => asTree(document.toJS()));
  return new Map(
    documents.map((document) => {
      const { kind = "v1alpha1", name } = document as { readonly kind?: string; readonly name?: string };
      return [name === undefined ? kind : `${kind} ${name}`, withMeaning(document)];
    }),
  );
}

function differingPaths(one: unknown, other: unknown, at: string): string[] {
  if (at.endsWith(".extraArgs") && isTree(one) && isTree(other)) {
    return isDeepStrictEqual(asText(one), asText(other)) ? [] : [at];
  }
  if (isTree(one ?? other) && isTree(other ?? one)) {
    const [a, b] = [asTree(one), asTree(other)];
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].flatMap((key) => differingPaths(a[key], b[key], at ? `${at}.${key}` : key));
  }
  return isDeepStrictEqual(one, other) ? [] : [at];
}

/** Arguments of programs are strings for Talos. */
function asText(args: Tree): Tree {
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [key, String(value)]));
}

/** Without what Talos reads as the same. */
function withMeaning(document: Tree): Tree {
  const { machine, cluster, ...others } = document;
  if (!isTree(machine)) {
    // False is the default.
    const { searchDomains, ...rest } = document;
    const isDefault = isDeepStrictEqual(searchDomains, { disableDefault: false });
    return isDefault || searchDomains === undefined ? rest : document;
  }
  const { inlineManifests, apiServer, network, ...ofCluster } = asTree(cluster);
  const { cni = { name: "flannel" }, ...ofNetwork } = asTree(network);
  return {
    ...others,
    machine: {
      ...machine,
      ...(Array.isArray(machine.certSANs) && { certSANs: set(machine.certSANs) }),
      ...(Array.isArray(machine.files) && { files: treesIn(machine.files).map(withReadContent) }),
    },
    cluster: {
      ...ofCluster,
      network: { ...ofNetwork, cni },
      // Workers do not apply manifests.
      ...(machine.type === "controlplane" && { inlineManifests: treesIn(inlineManifests).map(withReadContent) }),
      ...(isTree(apiServer) && { apiServer: { ...apiServer, certSANs: set(apiServer.certSANs) } }),
    },
  };
}

function set(list: unknown): unknown[] {
  return [...new Set(Array.isArray(list) ? (list as unknown[]) : [])].sort();
}

/** A file in YAML is the same with other quotes and without comments. */
function withReadContent(file: Tree): Tree {
  const key = "contents" in file ? "contents" : "content";
  return { permissions: 0, ...file, [key]: readContent(String(file[key])) };
}

function readContent(text: string): unknown {
  try {
    const value: unknown = parse(text);
    return typeof value === "object" ? value : text;
  } catch {
    return text;
  }
}
