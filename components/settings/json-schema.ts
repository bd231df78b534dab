import { z } from "zod";
import { namespace } from "../shared/problem";
import { settingsSchema } from "./schema";

export type JsonSchema = Record<string, unknown>;

/** Formats that JSON Schema itself defines; validators refuse or ignore others, and their patterns say the same. */
const standardFormats = new Set(["uri", "ipv4", "ipv6"]);

/** A secret as the CLI writes it, or a string that `pulumi config set --secret` is still to encrypt. */
const secretValue: JsonSchema = {
  anyOf: [
    {
      type: "object",
      properties: { secure: { type: "string" } },
      required: ["secure"],
      additionalProperties: false,
    },
    { type: "string" },
  ],
};

/**
 * JSON Schema (draft 7, which editors know best) of a whole stack file. Rules between settings have no place in it:
 * the program reports those.
 */
export function stackFileSchema(): JsonSchema {
  const { properties, required, definitions } = z.toJSONSchema(settingsSchema, {
    io: "input",
    target: "draft-7",
    reused: "ref",
    override: ({ jsonSchema }) => {
      if (jsonSchema.format !== undefined && !standardFormats.has(jsonSchema.format)) delete jsonSchema.format;
    },
  });
  const sections = Object.entries(properties ?? {}).map(([name, schema]) => [`${namespace}:${name}`, schema]);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Stack file of talos-mesh",
    description: "Made from components/settings/schema.ts by `npm run schema`.",
    type: "object",
    properties: {
      config: {
        type: "object",
        properties: {
          ...(Object.fromEntries(sections) as JsonSchema),
          [`${namespace}:secrets`]: {
            description: `Secrets by name: pulumi config set --secret --path '${namespace}:secrets.NAME'`,
            type: "object",
            additionalProperties: secretValue,
          },
        },
        patternProperties: { [`^(?!${namespace}:)[^:]+:.+$`]: { description: "Configuration of a provider." } },
        required: (required ?? []).map((name) => `${namespace}:${name}`),
        additionalProperties: false,
      },
      environment: { description: "Pulumi ESC environments." },
      secretsprovider: { type: "string" },
      encryptionsalt: { type: "string" },
      encryptedkey: { type: "string" },
    },
    required: ["config"],
    additionalProperties: false,
    definitions: definitions ?? {},
  };
}
