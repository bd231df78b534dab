import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";

export const root = path.resolve(__dirname, "../..");

/** The stacks of the project. */
export const stacks = ["dev", "article", "staging", "production"] as const;

/** A stack file's sections and the names of its secrets, as the program gets them. */
export function readStackFile(file: string): { sections: Record<string, unknown>; secretNames: string[] } {
  const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
  const sections = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.replace("talos-mesh:", ""), value]),
  );
  const { secrets = {}, ...rest } = sections;
  return { sections: rest, secretNames: Object.keys(secrets as object) };
}
