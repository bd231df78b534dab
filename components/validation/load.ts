import * as pulumi from "@pulumi/pulumi";
import { programContext } from "../settings/context";
import { formatPath, namespace, SettingsError, type Problem } from "../shared/problem";
import { parseSettings } from "./parse";
import { settingsSchema, type Settings } from "../settings/schema";
import { suggestion } from "../settings/suggest";
import { certificateWarnings } from "./rules/certificates";
import { unbuiltParts, withoutUnbuilt, type UnbuiltPart } from "./unbuilt";

/** What a program gets to know of its stack. */
export interface LoadedSettings {
  readonly settings: Settings;
  /** Values of `talos-mesh:secrets` by name, secret from the start. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  readonly stack: string;
  /** Parts left out because this release does not build them; empty in a deployment, which refuses them. */
  readonly leftOut: readonly UnbuiltPart[];
}

const secretsKey = "secrets";

/** `@internal` in the SDK's types, exported by its code: `pulumi.Config` cannot tell whether a key is secret. */
const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret: (key: string) => boolean };

let unbuilt: "refuse" | "leave out" = "refuse";

/** From now on `loadSettings` leaves unbuilt parts out. For `render --skip-unbuilt` only: a deployment refuses them. */
export function leaveOutUnbuilt(): void {
  unbuilt = "leave out";
}

/** The CLI hands over a text as it is and everything else as JSON. */
function decode(section: string, text: string): unknown {
  if (section === "environment") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

interface RawConfig {
  readonly sections: Record<string, unknown>;
  readonly secrets: Map<string, string>;
  readonly problems: Problem[];
}

/** A secret's text is never repeated, not even its beginning. */
function readSecrets(text: string, problems: Problem[]): Map<string, string> {
  const value = decode(secretsKey, text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.push({ path: [secretsKey], message: "expected a map of name: value" });
    return new Map();
  }
  const secrets = new Map<string, string>();
  for (const [name, secret] of Object.entries(value)) {
    const path = [secretsKey, name];
    if (typeof secret !== "string") {
      problems.push({ path, message: "expected a text" });
      continue;
    }
    if (secret.trim() === "") problems.push({ path, message: "is empty" });
    secrets.set(name, secret);
  }
  return secrets;
}

function readConfig(): RawConfig {
  const config: RawConfig = { sections: {}, secrets: new Map(), problems: [] };
  const known = [...Object.keys(settingsSchema.shape), secretsKey];
  for (const [key, text] of Object.entries(pulumi.runtime.allConfig())) {
    if (!key.startsWith(`${namespace}:`)) continue;
    const section = key.slice(namespace.length + 1);
    if (section === secretsKey) {
      for (const [name, secret] of readSecrets(text, config.problems)) config.secrets.set(name, secret);
    } else if (!known.includes(section)) {
      config.problems.push({ path: [section], message: `unknown section; ${suggestion(section, known)}` });
    } else if (isConfigSecret(key)) {
      config.problems.push({
        path: [section],
        message:
          "holds a secret, and secrets may stand under talos-mesh:secrets only; " +
          "store it with `pulumi config set --secret --path 'talos-mesh:secrets.NAME'` and refer to it by {secret: NAME}",
      });
    } else {
      config.sections[section] = decode(section, text);
    }
  }
  return config;
}

/**
 * Reads, checks and types the settings of the stack; the only reader of the configuration.
 *
 * @param problemsOf what else is wrong with valid sections, by what lies outside the settings
 * @throws pulumi.RunError with every problem at once, one a line: the CLI prints it without a stack trace.
 */
export function loadSettings(problemsOf: (valid: Partial<Settings>) => readonly Problem[] = () => []): LoadedSettings {
  const stack = pulumi.getStack();
  const { sections, secrets, problems } = readConfig();
  try {
    const refuse = (valid: Partial<Settings>) => [
      ...(unbuilt === "refuse" ? unbuiltParts(valid) : []),
      ...problemsOf(valid),
    ];
    // What is rendered has placeholders for secrets, and nothing to look into.
    const secretTexts = programContext().render ? new Map<string, string>() : secrets;
    const { settings } = parseSettings(sections, { secretNames: secrets.keys(), secretTexts, stack, problems, refuse });
    for (const { path, message } of certificateWarnings(settings, secretTexts)) {
      void pulumi.log.warn(`${formatPath(path)}: ${message}`);
    }
    const marked = [...secrets].map(([name, text]): [string, pulumi.Output<string>] => [name, pulumi.secret(text)]);
    return { ...withoutUnbuilt(settings), secrets: Object.fromEntries(marked), stack };
  } catch (error) {
    throw error instanceof SettingsError ? Object.assign(new pulumi.RunError(error.message), { cause: error }) : error;
  }
}
