import path from "node:path";
import { Document, isScalar, parse, visit } from "yaml";
import { namespace, SettingsError } from "../../components/shared/problem";
import { parseSettings } from "../../components/validation/parse";
import { asksForServingCertificates } from "../../components/validation/rules/platform";
import { compareMinor, istioSupportsKubernetes, minorOf, versions } from "../../components/settings/versions";
import { substitute } from "./environment";
import { isTree, type Tree } from "./node-keys";
import { Notes } from "./notes";
import { findPlainSecrets } from "./plain-secrets";
import { isSopsEncrypted } from "./sops";
import { clusterSettings } from "./talconfig";

export interface ImportOptions {
  /** Path of the talconfig; what it names lies beside it. */
  readonly file: string;
  readonly projectRoot: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: (file: string) => string;
  /** Whether an existing talsecret.yaml is to be used. */
  readonly withSecrets: boolean;
}

export interface Imported {
  /** A stack file; nothing where something essential is missing. */
  readonly stackFile?: string;
  readonly notes: Notes;
  /** What the settings' own check says of the result. */
  readonly problem?: string;
}

/** The entry of talos-mesh:secrets that holds a talsecret.yaml. */
export const secretName = "talosSecrets";

/** Turns a talconfig into a stack file. */
export function importTalconfig(options: ImportOptions): Imported {
  const { file, projectRoot, environment, readFile } = options;
  const notes = new Notes();
  const folder = path.dirname(path.resolve(file));
  const text = plainText(readFile(file), path.basename(file), notes);
  if (text === undefined) return { notes };
  const substituted = substitute(text, environment, notes);
  const talconfig = readYaml(substituted, notes);
  if (!talconfig || notes.missing.length > 0) return { notes };

  const cluster = clusterSettings(talconfig, {
    notes,
    fromProject: (name) => path.relative(projectRoot, path.resolve(folder, name)),
    readFile: (name, raw) => {
      try {
        const content = plainText(readFile(path.resolve(folder, name)), name, notes) ?? "";
        return raw ? content : substitute(content, environment, notes);
      } catch {
        notes.miss(`@${name}`, "cannot be read; it is looked for beside the talconfig");
        return "";
      }
    },
  });
  findPlainSecrets(cluster, "", notes);
  if (options.withSecrets) cluster.machineSecrets = { secret: secretName };
  if (notes.missing.length > 0) return { notes };

  const istio = istioFor(String(cluster.kubernetesVersion));
  notes.remark(
    "talos-mesh:mesh",
    `Istio ${istio} goes with the cluster's Kubernetes; a talconfig says nothing of a mesh`,
  );
  const sections: Tree = { environment: "dev", cluster, ...platform(cluster, notes), mesh: { version: istio } };
  const stackFile = stackFileOf(sections);
  try {
    parseSettings(sections, { secretNames: options.withSecrets ? [secretName] : [] });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { stackFile, notes, problem: error.message };
  }
  return { stackFile, notes };
}

/** talhelper leaves it to its user who approves the certificates that kubelets ask for. */
function platform(cluster: Tree, notes: Notes): Tree {
  if (!asksForServingCertificates.test(JSON.stringify(cluster))) return {};
  notes.remark(
    "talos-mesh:platform.kubeletServingCertApprover",
    "a patch sets rotate-server-certificates, which needs it; false where the cluster gets an approver of its own",
  );
  return { platform: { kubeletServingCertApprover: true } };
}

function plainText(text: string, name: string, notes: Notes): string | undefined {
  if (!isSopsEncrypted(text)) return text;
  notes.miss(name, `is encrypted with SOPS; decrypt it first: sops -d ${name} > plain.yaml, and import that`);
  return undefined;
}

function readYaml(text: string, notes: Notes): Tree | undefined {
  try {
    const value = parse(text) as unknown;
    if (isTree(value)) return value;
    notes.miss("talconfig", "expected a map");
  } catch (error) {
    notes.miss("talconfig", `is not YAML: ${(error as Error).message.split("\n")[0] ?? ""}`);
  }
  return undefined;
}

function stackFileOf(sections: Tree): string {
  const config = Object.fromEntries(Object.entries(sections).map(([key, value]) => [`${namespace}:${key}`, value]));
  const document = new Document({ config }, { aliasDuplicateObjects: false });
  visit(document, {
    Pair(_, { key, value }) {
      // File modes, as people write them.
      if (isScalar(key) && key.value === "permissions" && isScalar(value)) value.format = "OCT";
    },
  });
  return `# yaml-language-server: $schema=./talos-mesh.schema.json\n${document.toString({ lineWidth: 0 })}`;
}

/** The pinned Istio, or the newest that supports the cluster's Kubernetes. */
function istioFor(kubernetesVersion: string): string {
  const kubernetes = minorOf(kubernetesVersion);
  const fitting = Object.entries(istioSupportsKubernetes).filter(
    ([, [oldest, newest]]) => compareMinor(kubernetes, oldest) >= 0 && compareMinor(kubernetes, newest) <= 0,
  );
  const newest = fitting.map(([minor]) => minor).at(-1);
  return newest === undefined || newest === minorOf(versions.istio) ? versions.istio : `${newest}.0`;
}
