import path from "node:path";
import { parseArgs } from "node:util";
import { environmentImages } from "../../components/images";
import type { PulledImage } from "../../components/mesh/images";
import { stackFileOf } from "../../embedded/program/stack-option";
import { stackSettings } from "../../embedded/program/stack-settings";
import { required, stackOptions, withOptions } from "../options";

const root = path.resolve(__dirname, "../..");

const usage = `usage: npm run images -- --stack STACK [--config FILE] [--json]

  --stack STACK    the stack whose images are listed; with --config, only a name
  --config FILE    stack file  (default: Pulumi.STACK.yaml of this project)
  --json           one object for each image: component, image (what is pulled), source (what a mirror is filled with)`;

interface Options {
  readonly stack: string;
  readonly config?: string;
  readonly json: boolean;
}

/**
 * `npm run images`: every image that a stack pulls, with tag or digest. Reads the stack file and nothing else.
 *
 * @returns 0, or 2 where the options are wrong
 * @throws UserError, SettingsError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(usage, () => parse(argv), run);
}

/** @throws TypeError where the options are wrong */
function parse(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...stackOptions,
      json: { type: "boolean", default: false },
    },
  });
  const { stack, config, json, help } = values;
  if (help) return undefined;
  return { stack: required("--stack", stack), config, json };
}

function run({ stack, config, json }: Options): number {
  const images = environmentImages(stackSettings(root, stackFileOf(root, { stack, config }, "images")));
  console.log(json ? JSON.stringify(images, undefined, 2) : table(images));
  return 0;
}

/** A line for each image; where it comes from a mirror, what the mirror is filled with stands beside it. */
function table(images: readonly PulledImage[]): string {
  const rows = images.map(({ component, image, source }) => [
    component,
    image,
    image === source ? "" : `from ${source}`,
  ]);
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
