import path from "node:path";
import { Document, isScalar, visit } from "yaml";
import { inRange, istioReleases, minorOf, versions } from "../../components/settings/versions";
import { isTree, type Tree } from "../../components/shared/merge";
import { namespace, SettingsError } from "../../components/shared/problem";
import { validate } from "../../components/validation/validate";
import { requestsCertificates } from "../../components/validation/cluster";
import { clusterSettings } from "./cluster-settings";
import { Notes } from "./notes";
import { plainText, readText, readYaml, substitute, talhelperEnvironment } from "./read-talconfig";
import { parseTalconfig } from "./talconfig";

interface ImportOptions {
  /** Path of the talconfig; files that it names are relative to its folder. */
  readonly file: string;
  readonly projectRoot: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly readFile: (file: string) => string;
  /** Whether the stack file refers to an existing talsecret.yaml. */
  readonly withSecrets: boolean;
}

/** The entry of talos-mesh:secrets that holds a talsecret.yaml. */
export const secretName = "talosSecrets";

/** Without a stack file where something essential is missing; `problem` says what is wrong with the stack file. */
export function importTalconfig({ file, projectRoot, environment, readFile, withSecrets }: ImportOptions) {
  const notes = new Notes();
  const folder = path.dirname(path.resolve(file));
  const text = plainText(readFile(file), path.basename(file), notes);
  if (text === undefined) return { notes };
  const variables = talhelperEnvironment(environment, folder, readFile, notes);
  const raw = readYaml(substitute(text, variables, notes), notes);
  const talconfig = notes.missing.length === 0 ? parseTalconfig(raw, notes) : undefined;
  if (!talconfig) return { notes };
  const cluster = clusterSettings(talconfig, {
    notes,
    environment: variables,
    readText: readText(readFile, folder, notes),
    fromProject: (name) => path.relative(projectRoot, path.resolve(folder, name)),
  });
  findPlainSecrets(cluster, "", notes);
  if (notes.missing.length > 0) return { notes };

  const istio = istioFor(String(cluster.kubernetesVersion));
  const reason = `Istio ${istio} supports the cluster's Kubernetes; a talconfig has no settings of a mesh`;
  notes.remark("talos-mesh:mesh", reason);
  const sections: Tree = {
    environment: "dev",
    cluster: { ...cluster, ...(withSecrets && { machineSecrets: { secret: secretName } }) },
    ...platform(cluster, notes),
    mesh: { version: istio },
  };
  const stackFile = stackFileOf(sections);
  try {
    validate(sections, { secretNames: withSecrets ? [secretName] : [], projectRoot });
    return { stackFile, notes };
  } catch (error) {
    if (error instanceof SettingsError) return { stackFile, notes, problem: error.message };
    throw error;
  }
}

/** With talhelper, approving the certificates that kubelets request is left to the user. */
function platform(cluster: Tree, notes: Notes): Tree {
  if (!requestsCertificates.test(JSON.stringify(cluster))) return {};
  notes.remark(
    "talos-mesh:platform.kubeletServingCertApprover",
    "a patch sets rotate-server-certificates, which needs it; set false if the cluster has an approver of its own",
  );
  return { platform: { kubeletServingCertApprover: true } };
}

const secretKeys = /^(privateKey|presharedKey|passphrase|password|token|secret)$/i;

/** Reports what looks like a secret: a stack file keeps everything except for talos-mesh:secrets in plain text. */
function findPlainSecrets(value: unknown, at: string, notes: Notes): void {
  if (Array.isArray(value)) value.forEach((item, index) => findPlainSecrets(item, `${at}[${index}]`, notes));
  if (!isTree(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const here = at ? `${at}.${key}` : key;
    if (secretKeys.test(key) && typeof inner === "string") {
      notes.remark(here, "a secret in plain text; keep it in an `@file` patch that is not committed");
    }
    findPlainSecrets(inner, here, notes);
  }
}

function stackFileOf(sections: Tree): string {
  const config = Object.fromEntries(Object.entries(sections).map(([key, value]) => [`${namespace}:${key}`, value]));
  const document = new Document({ config }, { aliasDuplicateObjects: false });
  visit(document, {
    Pair(_, { key, value }) {
      // File modes are octal.
      if (isScalar(key) && key.value === "permissions" && isScalar(value)) value.format = "OCT";
    },
  });
  return `# yaml-language-server: $schema=./talos-mesh.schema.json\n${document.toString({ lineWidth: 0 })}`;
}

/** The pinned Istio, or the newest that supports the cluster's Kubernetes. */
function istioFor(kubernetesVersion: string): string {
  const kubernetes = minorOf(kubernetesVersion);
  const fitting = [...istioReleases].filter(([, release]) => inRange(kubernetes, release.kubernetes));
  return fitting.at(-1)?.[1].newest ?? versions.istio;
}
