import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { asTree, isTree, type Tree } from "../../components/shared/merge";
import { text } from "./canonical";

/** Objects of Istio and Gateway API in the files of a clone: YAML files, and YAML in the code blocks of Markdown. */

const kinds: ReadonlySet<string> = new Set([
  ...["VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "EnvoyFilter", "ProxyConfig"],
  ...["WorkloadEntry", "WorkloadGroup", "WasmPlugin", "TrafficExtension", "Telemetry"],
  ...["AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"],
  ...["HTTPRoute", "TCPRoute", "TLSRoute", "GRPCRoute", "ReferenceGrant", "BackendTLSPolicy", "ListenerSet"],
]);
const groups = /^(?:networking|security|telemetry|extensions)\.istio\.io\/|^gateway\.networking\.k8s\.io\//;

export interface Manifest {
  readonly apiVersion: string;
  /** A Gateway of Gateway API is K8sGateway. */
  readonly kind: string;
  readonly name: string;
  /** That of the object, else that of the command which applies it. */
  readonly namespace?: string;
  readonly annotations: Tree;
  readonly labels: Tree;
  readonly spec: Tree;
  /** Lines of its YAML, without comments. */
  readonly lines: number;
}

/** What is applied together: a file, or a code block. */
export interface Block {
  /** Path in the clone; in Markdown with `#` and the position among the blocks of the file that have manifests. */
  readonly source: string;
  readonly manifests: readonly Manifest[];
}

/** @param folders below `root` that are read */
export function readCorpus(root: string, folders: readonly string[]): Block[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .map((file) => path.join(folder, file))
      .filter((file) => /\.(ya?ml|md)$/.test(file))
      .sort()
      .flatMap((source) => blocksOf(source, readFileSync(path.join(root, source), "utf8"))),
  );
}

function blocksOf(source: string, text: string): Block[] {
  if (!source.endsWith(".md")) return withManifests([{ source, manifests: manifestsIn(text) }]);
  const blocks = codeBlocks(text).map((yaml) => manifestsIn(yaml.text, yaml.namespace));
  return withManifests(blocks.map((manifests) => ({ source, manifests }))).map((block, index) => ({
    ...block,
    source: `${source}#${index + 1}`,
  }));
}

function withManifests(blocks: readonly Block[]): Block[] {
  return blocks.filter(({ manifests }) => manifests.length > 0);
}

interface Yaml {
  readonly text: string;
  readonly namespace?: string | undefined;
}

/** Code blocks of Hugo (`{{< text yaml >}}`) and of Markdown; of a shell block its here-documents. */
function codeBlocks(text: string): Yaml[] {
  const block =
    /^([ \t]*)(?:\{\{< text (?:syntax=)?"?(\w+)"?.*>\}\}|```(\w*))\n([^]*?)\n[ \t]*(?:\{\{< ?\/text ?>\}\}|```)[ \t]*$/gm;
  return [...text.matchAll(block)].flatMap(([, indent = "", hugo, fence, code = ""]) => {
    const lines = code
      .split("\n")
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line.trimStart()));
    const plain = lines.join("\n");
    const language = hugo ?? fence;
    return language === "bash" || language === "sh" || language === "shell" ? hereDocuments(plain) : [{ text: plain }];
  });
}

function hereDocuments(shell: string): Yaml[] {
  const command = /^(.*)<<-?\s*(['"\\]?)(\w+)['"]?(.*)\n([^]*?)\n\s*\3\s*$/gm;
  return [...shell.replace(/\\\n/g, " ").matchAll(command)].map(([, before = "", quote, , after = "", text = ""]) => ({
    text: quote === "" ? text.replace(/\\([$`\\])/g, "$1") : text,
    namespace: /(?:-n|--namespace)[ =]"?(\$?[\w{}-]+)/.exec(before + after)?.[1]?.replace(/\$\{?\w+\}?/g, shellValue),
  }));
}

function manifestsIn(yaml: string, namespace?: string): Manifest[] {
  const linked = yaml.replaceAll("{{< github_file >}}", "https://raw.githubusercontent.com/istio/istio/master");
  const filled = linked.replace(/\$\([^)]*\)|\$\{?[A-Za-z_]\w*[^}\n"']*\}|\$[A-Z_]{2,}|<[A-Z][A-Z-]+>/g, shellValue);
  return parseAllDocuments(filled, { logLevel: "silent" }).flatMap((document) => {
    if (document.errors.length > 0) return [];
    const value: unknown = document.toJS();
    if (!isTree(value) || !kinds.has(text(value.kind)) || !groups.test(text(value.apiVersion))) return [];
    const metadata = asTree(value.metadata);
    const own = metadata.namespace ?? namespace;
    return [
      {
        ...manifestOf({ ...value, metadata: { ...metadata, ...(own !== undefined && { namespace: own }) } }),
        lines: document
          .toString({ lineWidth: 0 })
          .split("\n")
          .filter((line) => /^\s*[^#\s]/.test(line) && line !== "---").length,
      },
    ];
  });
}

export function manifestOf({ apiVersion, kind, metadata, spec }: Tree): Manifest {
  const { name, namespace, annotations, labels } = asTree(metadata);
  return {
    apiVersion: text(apiVersion),
    kind: kind === "Gateway" && text(apiVersion).startsWith("gateway.") ? "K8sGateway" : text(kind),
    name: text(name),
    ...(namespace !== undefined && { namespace: text(namespace) }),
    annotations: asTree(annotations),
    labels: asTree(labels),
    spec: asTree(spec),
    lines: 0,
  };
}

/** What a shell variable or a placeholder could be: `$INGRESS_PORT` is a port, `$TOKEN` a word, and so is `<VALUE>`. */
function shellValue(variable: string): string {
  const name = /[A-Za-z_]\w*/.exec(variable)?.[0] ?? "value";
  if (/PORT$/i.test(name)) return "8080";
  if (/(?:IP|ADDR|ADDRESS|CIDR)$/i.test(name)) return "10.0.0.1";
  if (/HOST$|DOMAIN$/i.test(name)) return "host.example.com";
  return name.toLowerCase().replace(/_/g, "-");
}
