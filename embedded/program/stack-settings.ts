import path from "node:path";
import { namespace } from "../../components/shared/problem";
import { parseSettings } from "../../components/validation/parse";
import type { Settings } from "../../components/settings/schema";
import { withoutUnbuilt } from "../../components/validation/unbuilt";
import { readStackConfig } from "./stack-file";

/**
 * The settings of a stack file, checked as a deployment checks them; what this release does not build is left out.
 * Secrets are not looked into.
 *
 * @throws StackFileError, SettingsError
 */
export function stackSettings(projectRoot: string, configFile: string): Settings {
  const { values } = readStackConfig(projectRoot, configFile, (name) => `[secret ${name}]`);
  const sections = Object.entries(values).flatMap(([key, text]): [string, unknown][] =>
    key.startsWith(`${namespace}:`) ? [[key.slice(namespace.length + 1), decoded(text)]] : [],
  );
  const { secrets, ...rest } = Object.fromEntries(sections);
  const names = typeof secrets === "object" && secrets !== null ? Object.keys(secrets) : [];
  const { settings } = parseSettings(rest, { secretNames: names, file: path.basename(configFile) });
  return withoutUnbuilt(settings).settings;
}

/** Objects and lists are JSON; anything else is text as it is. */
function decoded(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
