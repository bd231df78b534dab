import { existsSync } from "node:fs";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { Model } from "../model/model";
import { programContext, type ProgramContext, stackFileVariable } from "../settings/context";
import { sectionNames, unknownSection } from "../settings/parse";
import { kindOf } from "../settings/wording";
import { isPlaceholder, readStackConfig, shownPath, type StackConfig } from "../settings/stack-file";
import { parseJson } from "../shared/json";
import { isTree } from "../shared/merge";
import { formatPath, namespace, type Problem, SettingsError, StackFileError } from "../shared/problem";
import { certificateProblems } from "./certificates";
import { deployedStack, describedStack, referenceIn, siblingCluster } from "./other-stack";
import { validate, type ValidateOptions } from "./validate";
import { own } from "../shared/own";

/**
 * The one way to read a stack: `loadStack` in a program that Pulumi or the embedded engine runs, `readStack` in a
 * command. Both report the same problems, except those that need decrypted secrets or files outside the project.
 */

/**
 * Encrypted secrets stay encrypted; checks that need their values are made for plain-text secrets only. Of a cluster in
 * another stack, what that stack's file says.
 * @param above stack files that refer to this one
 * @param text what the file is about to hold. Default: what it holds
 */
export function readStack(
  projectRoot: string,
  stackFile: string,
  { above = [], text }: { readonly above?: readonly string[]; readonly text?: string } = {},
): Model {
  const config = readStackConfig(projectRoot, stackFile, undefined, text);
  const { sections, secrets, ...options } = readValues(config.values, (key) => config.secretKeys.includes(key));
  return validate(sections, {
    ...options,
    sharedCluster: clusterInFile(projectRoot, stackFile, sections, above),
    secretTexts: knownTexts(secrets),
    projectRoot,
    file: shownPath(path.resolve(stackFile), projectRoot),
    placeOf: ([section, ...keys]) => config.placeOf(`${namespace}:${section}`, keys),
  });
}

function clusterInFile(
  projectRoot: string,
  stackFile: string,
  sections: Readonly<Record<string, unknown>>,
  above: readonly string[] = [],
) {
  const reference = referenceIn(sections);
  const file = path.resolve(stackFile);
  // Stacks that refer to each other.
  if (reference === undefined || above.includes(file)) return undefined;
  return siblingCluster(reference, file, (other) => readStack(projectRoot, other, { above: [...above, file] }));
}

/** `@internal` in the SDK's types, exported by its code: `pulumi.Config` cannot tell whether a key is secret. */
const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret: (key: string) => boolean };

/** Checks the configuration of the running program. The CLI prints a RunError without a stack trace. */
export async function loadStack() {
  const context = programContext();
  const { stack, projectRoot, render } = context;
  const values = pulumi.runtime.allConfig();
  const { sections, secrets: texts, ...options } = readValues(values, isConfigSecret);
  const secretTexts = knownTexts(texts);
  const reference = referenceIn(sections);
  const expected = clusterInFile(projectRoot, stackFileOf(context), sections);
  const other = reference && (await (render ? describedStack : deployedStack)(reference, expected));
  const sharedCluster = other ? other.cluster : undefined;
  try {
    const origin = { stack, projectRoot, ...originOf(context, values) };
    const model = validate(sections, { ...options, ...origin, sharedCluster, secretTexts, deploys: !render });
    for (const { path: at, message } of certificateProblems(model.settings, { secretTexts, projectRoot }, "warning")) {
      void pulumi.log.warn(`${formatPath(at)}: ${message}`);
    }
    // By name, secret from the start.
    const secrets = Object.fromEntries([...texts].map(([name, text]) => [name, pulumi.secret(text)]));
    return { context, model, secrets, sharedKubeconfig: other ? other.kubeconfig : undefined };
  } catch (error) {
    throw error instanceof SettingsError ? Object.assign(new pulumi.RunError(error.message), { cause: error }) : error;
  }
}

/** Finds the line of a problem, for sections whose text in the file is what the program received. */
function originOf(
  context: ProgramContext,
  values: Readonly<Record<string, string>>,
): Pick<ValidateOptions, "file" | "placeOf"> {
  const { projectRoot } = context;
  const file = stackFileOf(context);
  if (!existsSync(file)) return {};
  let config: StackConfig | undefined;
  return {
    file: shownPath(file, projectRoot),
    placeOf: ([section, ...keys]) => {
      const key = `${namespace}:${section}`;
      try {
        config ??= readStackConfig(projectRoot, file);
      } catch (error) {
        if (error instanceof StackFileError) return undefined;
        throw error;
      }
      const same = section === "secrets" || own(values, key) === own(config.values, key);
      return same ? config.placeOf(key, keys) : undefined;
    },
  };
}

function stackFileOf({ projectRoot, stack }: ProgramContext): string {
  return process.env[stackFileVariable] ?? path.join(projectRoot, `Pulumi.${stack}.yaml`);
}

/** Leaves out placeholders (`readStack` puts them in for encrypted secrets). */
function knownTexts(secrets: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...secrets].filter(([, text]) => !isPlaceholder(text)));
}

/** Configuration in the form of the CLI: strings as they are, everything else as JSON. */
function readValues(values: Readonly<Record<string, string>>, isSecret: (key: string) => boolean) {
  const sections: [string, unknown][] = [];
  const problems: Problem[] = [];
  for (const [key, text] of Object.entries(values)) {
    if (!key.startsWith(`${namespace}:`)) continue;
    const section = key.slice(namespace.length + 1);
    if (section !== "secrets" && isSecret(key)) problems.push(misplacedSecret(section));
    else sections.push([section, decode(section, text)]);
  }
  const { secrets = {}, ...others } = Object.fromEntries(sections);
  return { sections: others, ...readSecrets(secrets, problems), problems };
}

function misplacedSecret(section: string): Problem {
  if (!sectionNames.some((name) => name === section)) return { path: [section], message: unknownSection(section) };
  const message =
    "holds a secret, which is allowed under talos-mesh:secrets only; " +
    "store it with `pulumi config set --secret --path 'talos-mesh:secrets.NAME'` and refer to it by {secret: NAME}";
  return { path: [section], message };
}

function decode(section: string, text: string): unknown {
  if (section === "environment") return text;
  if (text === "") return null;
  const value = parseJson(text);
  return value === undefined ? text : value;
}

/** A secret's value is never repeated, not even its beginning. */
function readSecrets(value: unknown, problems: Problem[]) {
  const secrets = new Map<string, string>();
  if (!isTree(value)) {
    problems.push({ path: ["secrets"], message: "expected a mapping of name: value" });
    return { secretNames: undefined, secrets };
  }
  for (const [name, secret] of Object.entries(value)) {
    const at = ["secrets", name];
    if (name === "")
      problems.push({ path: at, message: "found an empty name; expected one that settings can refer to" });
    if (typeof secret === "number" || typeof secret === "boolean") {
      problems.push({ path: at, message: `found a ${typeof secret}; expected a string: put it in quotes` });
    } else if (typeof secret !== "string") {
      problems.push({ path: at, message: `found ${kindOf(secret)}; expected a string` });
    } else if (secret.trim() === "") problems.push({ path: at, message: "is empty" });
    else secrets.set(name, secret);
  }
  return { secretNames: Object.keys(value), secrets };
}
