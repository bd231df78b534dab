import { realpathSync } from "node:fs";
import path from "node:path";

/** Where everything of one stack's embedded cluster lies. Nothing is written anywhere else. */
export interface Layout {
  /** `.talos-mesh/<stack>`; other parts of the program keep their files here too. */
  readonly folder: string;
  /** kwokctl's working folder (KWOK_WORKDIR), wholly ours. */
  readonly kwok: string;
  /** Says that `kwok` is ours and what was asked for. */
  readonly marker: string;
  readonly kubeconfig: string;
  readonly incarnation: string;
  readonly lock: string;
  /** A link by which kwokctl is run, so that its command line says whose it is. */
  readonly kwokctl: string;
}

export function layoutOf(projectRoot: string, stack: string): Layout {
  // The resolved path: it stands in the processes' arguments, by which they are recognised.
  const folder = path.join(realpathSync(projectRoot), ".talos-mesh", stack);
  const kwok = path.join(folder, "kwok");
  return {
    folder,
    kwok,
    marker: path.join(kwok, "talos-mesh.json"),
    kubeconfig: path.join(folder, "kubeconfig"),
    incarnation: path.join(folder, "incarnation.json"),
    lock: path.join(folder, "cluster.lock"),
    kwokctl: path.join(kwok, "kwokctl"),
  };
}

/** The folder in which kwokctl makes one for each cluster, given its working folder. */
export function clustersFolder(kwok: string): string {
  return path.join(kwok, "clusters");
}

/** The folder kwokctl makes for a cluster, given its working folder. */
export function clusterFolder(kwok: string, name: string): string {
  return path.join(clustersFolder(kwok), name);
}

/** What is wrong with the place of a project for a cluster in it, or nothing. */
export function unusablePlace(projectRoot: string): string | undefined {
  if (!/\s/.test(projectRoot)) return undefined;
  return (
    `the project's path holds a blank: ${JSON.stringify(projectRoot)}\n` +
    "kwokctl, which runs the embedded cluster, cuts its commands at blanks. Move the project to a path without any, and run this again."
  );
}
