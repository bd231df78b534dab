import { existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, rmSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { writeFileAtomically, writeJsonAtomically } from "../../components/shared/files";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { withLock } from "../../components/shared/lock";
import type { ProcessIdentity } from "../../components/shared/process-identity";

export type ClusterFiles = Readonly<ReturnType<typeof clusterFiles>>;

export function clusterFiles(projectRoot: string, stack: string) {
  // The resolved path: processes are recognised by it in their arguments.
  const folder = path.join(realpathSync(projectRoot), ".talos-mesh", stack);
  const kwok = path.join(folder, "kwok");
  return {
    /** Has files of other parts of the program too. */
    folder,
    /** kwokctl's working folder (KWOK_WORKDIR), with nothing else in it but the record and the link. */
    kwok,
    record: path.join(kwok, "talos-mesh.json"),
    kubeconfig: path.join(folder, "kubeconfig"),
    /** The choice of charts; see auto-charts.ts. */
    charts: path.join(folder, "charts"),
    lock: path.join(folder, "cluster.lock"),
    /** A link by which kwokctl is run, so that its command line shows the cluster it works on. */
    kwokctl: path.join(kwok, "kwokctl"),
  };
}

/** kwokctl's folder of a cluster, or the one of all clusters. */
export function clusterFolder(kwok: string, name = ""): string {
  return path.join(kwok, "clusters", name);
}

export function unusableFolder(projectRoot: string): string | undefined {
  if (!/\s/.test(projectRoot)) return undefined;
  return (
    `the project's path has a space: ${JSON.stringify(projectRoot)}\n` +
    "kwokctl, which runs the embedded cluster, splits its commands at spaces. Move the project to a path without one, and run this again."
  );
}

/** What is known of a cluster. The record marks kwokctl's folder as ours and is removed last. */
export interface ClusterRecord {
  readonly owner: "talos-mesh";
  /** Path of kwokctl's folder at the last `up`: its files and processes have this path, which is another one after a move. */
  readonly kwok: string;
  readonly stack: string;
  readonly name: string;
  readonly kubernetesVersion: string;
  readonly apiServerPort: number;
  /** False until the first `up` has succeeded; an incomplete cluster is created again. */
  readonly complete: boolean;
  /** The `incarnation` of the last `up`'s request. */
  readonly incarnation?: number;
  readonly processes?: readonly ProcessIdentity[];
  readonly nodes?: readonly string[];
}

export function readRecord({ record }: ClusterFiles): ClusterRecord | undefined {
  try {
    const read = JSON.parse(readFileSync(record, "utf8")) as Partial<ClusterRecord>;
    return read.owner === "talos-mesh" ? (read as ClusterRecord) : undefined;
  } catch {
    return undefined;
  }
}

export function writeRecord({ record }: ClusterFiles, content: ClusterRecord): void {
  writeJsonAtomically(record, content);
}

export function refuseForeignFolder(files: ClusterFiles): void {
  if (readRecord(files) !== undefined || entriesOf(files.kwok).length === 0) return;
  throw new Error(
    `${files.kwok} holds files that this program did not write (it has no readable ${path.basename(files.record)}).\n` +
      "Nothing was touched. Move that folder away, or use another stack, and run this again.",
  );
}

/** Removes kwokctl's folder. The record goes last, so that the rest is still known as ours after a kill. */
export function removeKwokFolder({ kwok, record }: ClusterFiles): void {
  const others = entriesOf(kwok).map((entry) => path.join(kwok, entry));
  for (const file of [...others.filter((each) => each !== record), kwok]) {
    rmSync(file, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** kwokctl's own files have its folder's path in them. After the project was moved they get the new one. */
export function replacePath({ kwok }: ClusterFiles, { name, kwok: before }: ClusterRecord): void {
  for (const each of ["kwok.yaml", "kubeconfig.yaml"]) {
    const file = path.join(clusterFolder(kwok, name), each);
    if (existsSync(file)) writeFileAtomically(file, readFileSync(file, "utf8").replaceAll(before, kwok));
  }
}

/** Of the cluster's administrator, in PEM. */
export function readCredentials({ kwok }: ClusterFiles, { name }: ClusterRecord) {
  const read = (file: string) => readFileSync(path.join(clusterFolder(kwok, name), "pki", file), "utf8");
  return { ca: read("ca.crt"), cert: read("admin.crt"), key: read("admin.key") };
}

export function serverAddress({ apiServerPort }: Pick<ClusterRecord, "apiServerPort">): string {
  return `https://127.0.0.1:${apiServerPort}`;
}

/** A client without a kubeconfig, which is quick to open. */
export function openServer(files: ClusterFiles, record: ClusterRecord): ApiServer {
  return ApiServer.withCertificate(serverAddress(record), readCredentials(files, record));
}

/** A kubeconfig that needs no other file. Its one context is `talos-mesh-<stack>`. */
export function kubeconfigText(
  record: Pick<ClusterRecord, "stack" | "apiServerPort">,
  { ca, cert, key }: ReturnType<typeof readCredentials>,
): string {
  const name = `talos-mesh-${record.stack}`;
  const base64 = (pem: string) => Buffer.from(pem).toString("base64");
  const cluster = { server: serverAddress(record), "certificate-authority-data": base64(ca) };
  const user = { "client-certificate-data": base64(cert), "client-key-data": base64(key) };
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    },
    { lineWidth: 0 },
  );
}

/** Runs `work` while no other process works on the same cluster. Waits for one that may be building tools. */
export function withClusterLock<T>(
  { folder, lock }: ClusterFiles,
  log: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(folder, { recursive: true });
  const onWait = ({ pid }: ProcessIdentity) => log(`waiting for process ${pid}, which works on the same cluster`);
  return withLock(lock, { waitMs: 60 * 60_000, purpose: "working on the embedded cluster", onWait }, work);
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
