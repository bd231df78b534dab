import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { UserError } from "../../components/shared/problem";
import { lockOwner } from "../../components/shared/lock";
import { isTree } from "../../components/shared/merge";
import { clusterStatus } from "../../embedded/cluster/status";
import { stackFolder } from "../../embedded/engine/stack-folder";
import { commandOutput, findPulumi, locationOf, NotDeployedError, queryStack } from "../engine/pulumi-cli";
import { type Deployment, locksOf } from "../engine/pulumi-recovery";
import { checkBackend, passphraseFile, workspaceOf } from "../engine/pulumi-workspace";
import { copiedFrom, recordedEngine } from "../engine/records";
import { commandFor, type StackChoice } from "../stack-option";
import { type Check, failure, type Found, NothingToCheck, notKnown, ok, type DoctorContext, warning } from "./doctor";

/** Pulumi's state of the stack, and who works on it. */

const where = "state";

export const stateChecks: readonly Check[] = [
  { subject: "state", where, limit: 40, run: deployed },
  {
    subject: "pending operations",
    where,
    limit: 40,
    run: async (context) => pending(await readable(context), context),
  },
  { subject: "locks", where, limit: 30, run: locks },
  { subject: "secrets", where, limit: 40, run: secrets },
];

/** The state with its secrets; undefined where there is none. */
export async function readDeployment(
  choice: StackChoice,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Deployment | undefined> {
  if (recordedEngine(choice) === "embedded" || "problem" in (await findPulumi(env))) return undefined;
  try {
    const text = await queryStack(choice, ["export", "--show-secrets"], "doctor reads the stack's state", signal);
    return (JSON.parse(text) as { deployment?: Deployment | null }).deployment ?? {};
  } catch (error) {
    if (error instanceof NotDeployedError) return undefined;
    throw error;
  }
}

/** For further checks: why it cannot be read is a finding of its own. */
function readable({ deployment }: Pick<DoctorContext, "deployment">): Promise<Deployment | undefined> {
  return deployment().catch((error: unknown) => {
    throw new NothingToCheck("the state cannot be read", { cause: error });
  });
}

async function deployed(context: DoctorContext): Promise<Found[]> {
  const { projectRoot, stack, deployment, env, now } = context;
  const start = commandFor("npm start", stack);
  const original = copiedFrom(projectRoot);
  if (original !== undefined) {
    return [
      warning(
        where,
        `this project is a copy, and .talos-mesh has the records of ${original}`,
        `\`${start}\` drops them, and deploys this copy's own`,
      ),
    ];
  }
  const recorded = recordedEngine(context);
  const embedded = await clusterStatus(projectRoot, stack);
  const interrupted =
    embedded.state === "incomplete"
      ? [
          warning(
            "cluster",
            "its creation or removal was interrupted",
            `\`${start}\` continues, \`${commandFor("npm run destroy", stack)}\` removes what there is`,
          ),
        ]
      : [];
  if (recorded === "embedded") {
    const others = interrupted.length === 0 && embedded.state === "absent" ? "; its cluster is gone" : "";
    return [
      ...interrupted,
      ok(where, `deployed by the embedded engine, which keeps no state but its cluster${others}`),
    ];
  }
  const cli = await findPulumi(env);
  if ("problem" in cli) return [...interrupted, ok(where, `none that can be read: ${cli.problem}`)];
  try {
    if (recorded === "pulumi") checkBackend(context, workspaceOf(context, env));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const [message = "", next = ""] = error.message.split("\n");
    return [failure(where, message, next)];
  }
  let state: Deployment | undefined;
  try {
    state = await deployment();
  } catch (error) {
    const { message } = error as Error;
    if (/PULUMI_ACCESS_TOKEN must be set|not logged in|no credentials/i.test(message)) {
      const next = `pulumi login, or set PULUMI_BACKEND_URL; for dev, \`${start}\` has a backend of its own`;
      return [...interrupted, notKnown(where, "the Pulumi CLI is not logged in to a backend", next)];
    }
    const passphrase = /passphrase|decrypt/i.test(message);
    const next = passphrase
      ? "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the one that the stack was deployed with"
      : "`pulumi whoami -v` says which backend is used; log in with `pulumi login`, or set PULUMI_BACKEND_URL";
    return [...interrupted, failure(where, message, next)];
  }
  if (state === undefined) return [...interrupted, ok(where, `the stack is not deployed; \`${start}\` deploys it`)];
  const { resources = [], manifest } = state;
  const age =
    manifest?.time === undefined ? "" : `, last changed ${days((now - Date.parse(manifest.time)) / 86_400_000)}`;
  return [...interrupted, ok(where, `${resources.length} resources${age}`), ...(await selected(context, cli.path))];
}

function days(number: number): string {
  return number < 1 ? "today" : `${Math.floor(number)} day${number < 2 ? "" : "s"} ago`;
}

/** `pulumi` in the project works on the selected stack; our own commands name theirs. */
async function selected({ stack, ...context }: DoctorContext, file: string): Promise<Found[]> {
  const location = locationOf({ stack, ...context });
  if (location.ours) return [];
  const problem = (text: string) => new UserError(`the stacks cannot be listed: ${text}`);
  const text = await commandOutput({ path: file, version: "" }, ["stack", "ls", "--json"], location, problem);
  const listed = JSON.parse(text) as readonly { name?: string; current?: boolean; updateInProgress?: boolean }[];
  const one = listed.find(({ name }) => name === stack || name?.endsWith(`/${stack}`));
  const busy = one?.updateInProgress === true;
  const current = listed.find((each) => each.current);
  return [
    ...(busy
      ? [
          warning(
            where,
            "an update is in progress",
            "wait until it has ended; where it was killed: pulumi cancel --yes",
          ),
        ]
      : []),
    ...(current === one
      ? []
      : [
          ok(
            where,
            `\`pulumi\` without --stack works on ${current?.name ?? "no stack"} here: pulumi stack select ${stack}`,
          ),
        ]),
  ];
}

function pending(state: Deployment | undefined, choice: DoctorContext): Found[] {
  if (state === undefined) throw new NothingToCheck();
  const operations = state.pending_operations ?? [];
  if (operations.length === 0) return [ok(where, "none")];
  const names = operations.map(({ type, resource: { urn } }) => `${type} ${urn.split("::").at(-1) ?? urn}`);
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? `, and ${names.length - 5} more` : "");
  const { live } = holders(choice);
  if (live.length > 0) return [ok(where, `process ${live.join(", ")} is at work: ${shown}`)];
  const next = locationOf(choice).ours
    ? `\`${commandFor("npm start", choice.stack)}\` continues from there`
    : "`pulumi cancel --yes`, then `pulumi up`, which continues from there";
  return [warning(where, `a run was killed in: ${shown}`, next)];
}

/** Processes that work on the stack, and locks of a backend in a folder whose process is not on this machine. */
function holders({ stack, projectRoot, env }: DoctorContext) {
  const { backendFolder } = workspaceOf({ projectRoot, stack }, env);
  const url = env.PULUMI_BACKEND_URL ?? "";
  const folder = backendFolder ?? (/^file:\/\/\//.test(url) ? fileURLToPath(url) : undefined);
  const found = folder === undefined ? [] : locksOf(path.join(folder, ".pulumi", "locks"), stack);
  const own = lockOwner(stackFolder(projectRoot, stack).lock);
  return {
    live: [...(own ? [own.pid] : []), ...found.flatMap(({ owner }) => owner ?? [])],
    dead: found.filter(({ owner }) => owner === undefined).map(({ file }) => path.basename(file)),
  };
}

function locks(choice: DoctorContext): Promise<Found[]> {
  const { live, dead } = holders(choice);
  const next = locationOf(choice).ours
    ? `\`${commandFor("npm start", choice.stack)}\` removes it`
    : "where no other run is active: pulumi cancel --yes";
  const found = [
    ...live.map((pid) => warning(where, `process ${pid} is working on this stack`, "wait until it is done")),
    ...dead.map((file) => warning(where, `a CLI that was killed, or one on another machine, holds ${file}`, next)),
  ];
  return Promise.resolve(found.length > 0 ? found : [ok(where, "none")]);
}

/** What encrypts the stack's secrets, in the state and in its file. */
async function secrets({ deployment, configFile, model, projectRoot }: DoctorContext): Promise<Found[]> {
  const state = await readable({ deployment });
  const file = existsSync(configFile) ? (parseDocument(readFileSync(configFile, "utf8")).toJS() as unknown) : undefined;
  const provider = isTree(file) && typeof file.secretsprovider === "string" ? file.secretsprovider : undefined;
  const own = existsSync(passphraseFile(projectRoot));
  const type = state?.secrets_providers?.type;
  if (state === undefined && provider === undefined) throw new NothingToCheck();
  if (state !== undefined && type === undefined) {
    return [warning(where, "no secrets provider encrypts the state", "pulumi stack change-secrets-provider")];
  }
  const shared = model && model.settings.environment !== "dev" && own && type === "passphrase";
  return [
    shared
      ? warning(
          where,
          "secrets are encrypted by a passphrase in .talos-mesh, which is on this machine only",
          "keep it where others find it, or change to a key service: pulumi stack change-secrets-provider",
        )
      : ok(where, `encrypted by ${provider ?? (type === "passphrase" ? "a passphrase" : `the provider ${type}`)}`),
  ];
}
