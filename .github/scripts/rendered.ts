import { lstatSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { z } from "zod";

/** What a stack would create: text by name. An object is a file; a release or a command is an entry of a JSON file. */
export type Rendered = ReadonlyMap<string, string>;

/** Every stack below a folder that render-stacks.sh wrote; a text is the message of a stack that failed. */
export type RenderedStacks = ReadonlyMap<string, Rendered | string>;

/** A rendered stack is far below this; the folder may come from a pull request of anybody. */
const maxBytes = 50_000_000;

/**
 * @throws Error where there is more than 50 MB. Symbolic links are passed over: the folder may come from a stranger.
 */
export function readRenderedStacks(folder: string): RenderedStacks {
  const stacks = new Map<string, Rendered | string>();
  let bytes = 0;
  const read = (file: string) => {
    bytes += lstatSync(file).size;
    if (bytes > maxBytes) throw new Error(`${folder} holds more than ${maxBytes / 1e6} MB; not compared`);
    return readFileSync(file, "utf8");
  };
  for (const entry of entries(folder)) {
    const place = path.join(folder, entry.name);
    if (entry.isFile() && entry.name.endsWith(".failed"))
      stacks.set(entry.name.slice(0, -".failed".length), read(place));
    else if (entry.isDirectory()) stacks.set(entry.name, new Map(items(place, "", read)));
  }
  return stacks;
}

function entries(folder: string) {
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function items(folder: string, prefix: string, read: (file: string) => string): [name: string, text: string][] {
  return entries(folder).flatMap((entry): [string, string][] => {
    const place = path.join(folder, entry.name);
    const name = prefix + entry.name;
    if (entry.isDirectory()) return items(place, `${name}/`, read);
    if (!entry.isFile()) return [];
    const text = read(place);
    return entry.name.endsWith(".json") ? jsonEntries(name, text) : [[name, text]];
  });
}

const entriesOfResources = z.array(z.looseObject({ resource: z.string().min(1) })).min(1);

/** Releases and commands, one by one: "releases/istio-istiod changed" says more than "releases.json changed". */
function jsonEntries(file: string, text: string): [name: string, text: string][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [[file, text]];
  }
  const list = entriesOfResources.safeParse(value);
  if (!list.success) return [[file, text]];
  const kind = path.basename(file, ".json");
  return list.data.map((entry) => [
    `${kind}/${entry.resource.replaceAll("/", "_")}`,
    stringify(entry, { lineWidth: 0 }),
  ]);
}
