import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { readIfExists, removeIfEmpty } from "./files";
import { ApiServer, type ObjectReference } from "./kubernetes/api-server";
import { ifAllowed } from "./kubernetes/errors";
import { helmRevisions, isPending, releaseType, removeRevisions } from "./kubernetes/helm-records";
import { UserError } from "./problem";

export interface RecoveredCluster {
  readonly kubeconfig: pulumi.Input<string>;
  /** @default the kubeconfig's current context */
  readonly kubeContext?: string;
}

type Server = Pick<ApiServer, "get" | "list" | "delete">;

/** What the rules below look at. */
export interface RecoveryScene {
  readonly server: () => Promise<Server>;
  /** URNs that a run of this stack has begun to create, and of which none is known to have ended. */
  readonly begun: Begun;
}

export interface Begun {
  has(urn: string): boolean;
  add(urn: string): void;
}

type Operation = Pick<pulumi.ResourceHookArgs, "urn" | "type" | "newInputs">;

/**
 * Before the creation of a resource. A run that is killed leaves what it was creating in the cluster and not in the state,
 * so the next run creates it again. An object is then taken over: the provider is configured to. Helm refuses a name that is
 * in use, so the records of that release are removed; the installation takes over the objects, which carry its name.
 *
 * Anything else that exists is refused. Others have created it, or it is about to be replaced: then the deletion of the old
 * one would delete the new one.
 */
export async function beforeCreate({ urn, type, newInputs = {} }: Operation, scene: RecoveryScene): Promise<void> {
  const release = type === releaseType ? releaseOf(newInputs) : undefined;
  const found = release ?? objectOf(type, newInputs);
  if (found === undefined) return;
  const server = await scene.server();
  const exists = release
    ? (await ifAllowed(helmRevisions(server, release), [])).length > 0
    : (await ifAllowed(server.get({ namespace: "default", ...(found as ObjectReference) }), undefined)) !== undefined;
  if (!exists) return scene.begun.add(urn);
  if (!scene.begun.has(urn)) throw new UserError(refusal(type, found));
  if (release) await removeRevisions(server, release, () => true);
}

/** Before an update. Helm refuses to work on a release whose last upgrade was killed. */
export async function beforeUpdate({ type, newInputs = {} }: Operation, scene: RecoveryScene): Promise<void> {
  const release = type === releaseType ? releaseOf(newInputs) : undefined;
  if (release) await removeRevisions(await scene.server(), release, ({ status }) => isPending(status));
}

/** Hooks for every resource in the cluster, with a name of their own for each kubeconfig; undefined in a preview, and for the embedded engine, which recovers by itself. */
export function recoveryHooks(
  cluster: RecoveredCluster,
  { projectRoot, stack }: { readonly projectRoot: string; readonly stack: string },
  suffix = "",
): pulumi.ResourceHookBinding | undefined {
  if (pulumi.runtime.isDryRun() || pulumi.runtime.getEngine() === undefined) return undefined;
  const begun = begunIn(projectRoot, stack);
  const scene: RecoveryScene = {
    // Without calls of the engine, which may have to wait for the end of the operations that wait for these hooks.
    server: once(async () => {
      const kubeconfig = await new Promise<string>((resolve) => void pulumi.output(cluster.kubeconfig).apply(resolve));
      return ApiServer.open({ kubeconfig, context: cluster.kubeContext });
    }),
    begun,
  };
  process.once("exit", (code) => code === 0 && begun.forget());
  return {
    beforeCreate: [new pulumi.ResourceHook(`recover-creation${suffix}`, (operation) => beforeCreate(operation, scene))],
    beforeUpdate: [new pulumi.ResourceHook(`recover-update${suffix}`, (operation) => beforeUpdate(operation, scene))],
  };
}

/** Set where the killed run was in another folder, such as an earlier job's: takes over everything that exists. */
const takeOverVariable = "TALOS_MESH_TAKE_OVER";

/** The list is in a file, which a run that ends well removes: then everything that it has created is in the state. */
export function begunIn(projectRoot: string, stack: string): Begun & { forget(): void } {
  const file = path.join(projectRoot, ".talos-mesh", stack, "creating");
  const urns = new Set((readIfExists(file) ?? "").split("\n"));
  return {
    has: (urn) => urns.has(urn) || process.env[takeOverVariable] === "1",
    add: (urn) => {
      if (urns.has(urn)) return;
      urns.add(urn);
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      appendFileSync(file, `${urn}\n`, { mode: 0o600 });
    },
    forget: () => {
      urns.clear();
      rmSync(file, { force: true });
      for (const folder of [path.dirname(file), path.join(projectRoot, ".talos-mesh")]) removeIfEmpty(folder);
    },
  };
}

interface Found {
  readonly kind: string;
  readonly name: string;
  /** Undefined for an object without one in its settings. */
  readonly namespace?: string;
}

function releaseOf({ name, namespace = "default" }: Readonly<Record<string, unknown>>) {
  if (typeof name !== "string" || typeof namespace !== "string") return undefined;
  return { kind: "Helm release", name, namespace };
}

function objectOf(type: string, inputs: Readonly<Record<string, unknown>>): ObjectReference | undefined {
  if (!type.startsWith("kubernetes:")) return undefined;
  const { apiVersion, kind, metadata } = inputs as Partial<ObjectReference> & { metadata?: Partial<ObjectReference> };
  const { name, namespace } = metadata ?? {};
  if (apiVersion === undefined || kind === undefined || name === undefined) return undefined;
  return { apiVersion, kind, name, ...(namespace !== undefined && { namespace }) };
}

function refusal(type: string, { kind, namespace, name }: Found): string {
  const id = namespace === undefined ? name : `${namespace}/${name}`;
  const flag = namespace === undefined ? "" : ` -n ${namespace}`;
  const remove = kind === "Helm release" ? `helm${flag} uninstall ${name}` : `kubectl${flag} delete ${kind} ${name}`;
  return (
    `${kind} ${id} exists in the cluster already, and no run of this stack from this folder has begun to create it. Nothing of it was changed. ` +
    `If a run of this stack in another folder was interrupted, run this once with ${takeOverVariable}=1. Otherwise remove it (${remove}), ` +
    `use another name or cluster, or make it part of this stack (pulumi import ${type} NAME ${id}).`
  );
}

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => (loaded ??= load());
}
