import type { Deployment, StateResource } from "../engine/pulumi-recovery";
import { queryStack } from "../engine/pulumi-cli";
import type { StackOfProject } from "../engine/engine";
import { UserError } from "../../embedded/program/errors";

export const commandType = "command:local:Command";
/** What separates the machine secrets from what follows them on a step's stdin. */
export const partMarker = "# --- talos-mesh: next part ---\n";

/**
 * The resources of a deployed stack, with their secrets.
 *
 * @param reason who asks, for the message where there is no CLI
 * @throws UserError where there is no CLI or no such stack
 */
export async function exportState(of: StackOfProject, reason: string): Promise<readonly StateResource[]> {
  const text = await queryStack(of, ["export", "--show-secrets"], reason);
  return (JSON.parse(text) as { deployment?: Deployment | null }).deployment?.resources ?? [];
}

/**
 * The machine secrets that a cluster was made with: the first part of what its steps were given.
 *
 * @throws UserError where there are none
 */
export function machineSecretsOf(state: readonly StateResource[]): string {
  const given = state.find(({ type, urn }) => type === commandType && /::cluster-(health$|apply-|config-)/.test(urn));
  const made = commandOf(state, "cluster-machine-secrets")?.outputs?.stdout;
  const [secrets] = (plainText(given?.inputs?.stdin) ?? plainText(made) ?? "").split(partMarker);
  if (!secrets) throw new UserError("No Talos cluster has been deployed with this stack yet.");
  return `${secrets.replace(/\n$/, "")}\n`;
}

export function commandOf(state: readonly StateResource[], name: string): StateResource | undefined {
  return state.find(({ type, urn }) => type === commandType && urn.endsWith(`::${name}`));
}

/** A text of an exported state; an export with its secrets holds them as JSON in a wrapper. */
export function plainText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const { plaintext } = (value ?? {}) as { plaintext?: unknown };
  return typeof plaintext === "string" ? (JSON.parse(plaintext) as string) : undefined;
}
