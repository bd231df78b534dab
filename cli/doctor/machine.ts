import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import path from "node:path";
import semver from "semver";
import { compareMinor } from "../../components/settings/versions";
import { runCommand } from "../../components/shared/run-command";
import { toolCache, programsOnPath } from "../../embedded/tools/cache";
import { defaultPins, toolNames } from "../../embedded/tools/catalog";
import { findTools, parseVersion } from "../../embedded/tools/ensure-tools";
import { findPulumi } from "../engine/pulumi-cli";
import { recordedEngine } from "../engine/records";
import { type Check, failure, type Found, notKnown, ok, type DoctorContext, warning } from "./doctor";

/** This machine: its tools and its disk. */

const here = "this machine";

/** A program that a stack needs, as it is found on PATH. */
interface Program {
  readonly name: string;
  readonly versionArgs: readonly string[];
  readonly install: string;
  /** Why a version cannot be used. */
  readonly refuse?: (version: string) => string | undefined;
  /** @default true */
  readonly needed?: boolean;
}

export const machineChecks: readonly Check[] = [
  { subject: "Node.js", where: here, limit: 5, run: ({ projectRoot }) => Promise.resolve([node(projectRoot)]) },
  { subject: "Pulumi CLI", where: here, limit: 25, run: async (context) => [await pulumi(context)] },
  {
    subject: "tools",
    where: here,
    limit: 25,
    run: async (context) =>
      (await Promise.all([embeddedTools(context), ...programs(context).map((one) => program(one, context))])).flat(),
  },
  { subject: "disk", where: here, limit: 10, run: disk },
];

function node(projectRoot: string): Found {
  const { engines } = JSON.parse(readFileSync(path.join(projectRoot, "package.json"), "utf8")) as {
    engines: { node: string };
  };
  const { node: version } = process.versions;
  return semver.satisfies(version, engines.node)
    ? ok(here, `${version}, needed is ${engines.node}`)
    : failure(here, `${version}, needed is ${engines.node}`, "install a newer one: https://nodejs.org");
}

async function pulumi(context: DoctorContext): Promise<Found> {
  const kind = context.model?.settings.cluster.kind ?? "embedded";
  const recorded = recordedEngine(context);
  if (recorded === "embedded") return ok(here, "not needed: the embedded engine has deployed this stack");
  const found = await findPulumi(context.env);
  if ("path" in found) return ok(here, `${found.version} (${found.path})`);
  const install = "install it: https://www.pulumi.com/docs/install";
  if (kind === "embedded" && recorded === undefined) {
    return ok(here, `${found.problem}; \`npm start\` downloads it, or uses the embedded engine`);
  }
  return failure(
    here,
    `${found.problem}, and clusters of kind ${kind} need it`,
    `${install}; \`npm start\` downloads it where it can`,
  );
}

/** Those of a Talos cluster; of others, the one that helps. */
function programs({ model }: DoctorContext): Program[] {
  const cluster = model?.cluster;
  const release = cluster?.talosVersion;
  const istioctl: Program = {
    name: "istioctl",
    versionArgs: ["version", "--remote=false", "--short"],
    install: "",
    needed: false,
    refuse: (version) => tooFar(version, "Istio", model?.settings.mesh.version),
  };
  if (!cluster?.created || release === undefined) return cluster?.simulatedNodes ? [] : [istioctl];
  return [
    {
      name: "talosctl",
      versionArgs: ["version", "--client", "--short"],
      install: `install talosctl of ${release} or newer: https://docs.siderolabs.com/talos/latest/getting-started/talosctl`,
      refuse: (version) =>
        compareMinor(version, release) < 0 ? `older than the Talos ${release} of the stack` : undefined,
    },
    {
      name: "kubectl",
      versionArgs: ["version", "--client"],
      install: "install kubectl: https://kubernetes.io/docs/tasks/tools",
      refuse: (version) => tooFar(version, "Kubernetes", cluster.kubernetesVersion),
    },
    ...(model?.settings.cluster.kind === "docker"
      ? [
          {
            name: "docker",
            versionArgs: ["--version"],
            install: "install Docker: https://docs.docker.com/engine/install",
          },
        ]
      : []),
    istioctl,
  ];
}

function tooFar(version: string, product: string, wanted: string | undefined): string | undefined {
  return wanted !== undefined && Math.abs(compareMinor(version, wanted)) > 1
    ? `more than one minor version from ${product} ${wanted}`
    : undefined;
}

async function program(
  { name, versionArgs, install, refuse, needed = true }: Program,
  { env }: DoctorContext,
): Promise<Found[]> {
  const [file] = programsOnPath(name, env);
  if (file === undefined) return needed ? [failure(here, `${name} is not on PATH`, install)] : [];
  const printed = await runCommand(file, versionArgs, { env, timeoutMs: 10_000 }).catch(() => undefined);
  const version = parseVersion(`${printed?.stdout ?? ""}\n${printed?.stderr ?? ""}`);
  if (version === undefined) return [notKnown(here, `${name} (${file}) does not report its version`)];
  const problem = refuse?.(version);
  if (problem === undefined) return [ok(here, `${name} ${version} (${file})`)];
  const message = `${name} ${version} (${file}) is ${problem}`;
  return [
    needed && name === "talosctl"
      ? failure(here, message, install)
      : warning(here, message, install || `use one of a minor version near it`),
  ];
}

async function embeddedTools({ model, env }: DoctorContext): Promise<Found[]> {
  if (model && !model.cluster.simulatedNodes) return [];
  const kubernetes = model?.cluster.kubernetesVersion?.replace(/^v/, "") ?? defaultPins.kubernetes;
  const { found, missing } = await findTools(toolNames, { env, pins: { ...defaultPins, kubernetes } });
  const there = [...found].map(([name, { version }]) => `${name} ${version}`);
  const lacking = [...missing.keys()].map(({ name, version }) => `${name} ${version}`);
  return [
    ...(there.length > 0 ? [ok(here, there.join(", "))] : []),
    ...(lacking.length > 0
      ? [ok(here, `not here yet: ${lacking.join(", ")}; \`npm start\` downloads or builds what it needs`)]
      : []),
  ];
}

/** Below this, what a deployment downloads and builds may not fit. */
const [enough, little] = [5e9, 1e9];

async function disk({ projectRoot, env }: DoctorContext): Promise<Found[]> {
  const folders = new Map<string, string>([
    ["the project", projectRoot],
    ["the tools' cache", path.dirname(toolCache(env))],
  ]);
  const found = await Promise.all(
    [...folders].map(async ([name, folder]) => {
      const { bavail, bsize } = await statfs(await existing(folder));
      const free = bavail * bsize;
      const message = `${sizeOf(free)} free for ${name} (${folder})`;
      if (free < little) return failure(here, message, "free some space: a deployment downloads, builds and stores");
      return free < enough ? warning(here, message, "free some space") : ok(here, message);
    }),
  );
  // One file system has one answer.
  return found.filter(
    ({ message }, at) => found.findIndex((one) => one.message.split(" for ")[0] === message.split(" for ")[0]) === at,
  );
}

async function existing(folder: string): Promise<string> {
  try {
    await statfs(folder);
    return folder;
  } catch {
    return path.dirname(folder) === folder ? folder : existing(path.dirname(folder));
  }
}

export function sizeOf(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(bytes < 10e9 ? 1 : 0)} GB`;
}
