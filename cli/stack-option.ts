import path from "node:path";
import type { Model } from "../components/model/model";
import { sharedClusterIn, stackReferenceOf } from "../components/model/layers";
import { missingStackFile } from "../components/validation/other-stack";
import { readStack } from "../components/validation/stack";
import { filePath, matching, UsageError } from "./command";

export const projectRoot = path.resolve(__dirname, "..");

const config = {
  value: "file",
  text: "its stack file (default: Pulumi.STACK.yaml of this project)",
  parse: filePath,
} as const;

const stackName = matching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, "a name of letters, digits, '_', '.' and '-'");

/** Options of a command that reads a stack file. */
export const stackOptions = {
  stack: {
    value: "name",
    text: "the stack; with --config, taken from the file's name where it is left out",
    parse: stackName,
  },
  config,
} as const;

/** The same for commands that take `dev` where no stack is named. */
export const devStackOptions = {
  stack: { value: "name", text: "the stack", default: "dev", parse: stackName },
  config,
} as const;

export interface StackChoice {
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  readonly stack: string;
  /** Absolute path of the stack file. */
  readonly configFile: string;
}

export function chosenStack(given: { readonly stack?: string; readonly config?: string }): StackChoice {
  const named = given.config && /^Pulumi\.(.+)\.ya?ml$/.exec(path.basename(given.config))?.[1];
  const stack = given.stack ?? named;
  if (!stack) {
    throw new UsageError(
      given.config
        ? `the stack's name cannot be taken from ${path.basename(given.config)}; name the file Pulumi.STACK.yaml, or add --stack NAME`
        : "--stack is missing",
    );
  }
  return { projectRoot, stack, configFile: given.config ?? stackFileOf(stack) };
}

/** The stack that the options name, with its model. A stack file with problems is refused. */
export function openStack(given: Parameters<typeof chosenStack>[0]): StackChoice & Model {
  const choice = chosenStack(given);
  const model = readStack(projectRoot, choice.configFile);
  const { cluster } = model.settings;
  const reference = stackReferenceOf(cluster);
  if (reference !== undefined && sharedClusterIn(cluster) === undefined) missingStackFile(reference);
  return { ...choice, ...model };
}

export function stackFileOf(stack: string): string {
  return path.join(projectRoot, `Pulumi.${stack}.yaml`);
}

export function commandFor(command: "npm start" | "npm run destroy" | "npm run status", stack: string): string {
  return stack === "dev" ? command : `${command} -- --stack ${stack}`;
}
