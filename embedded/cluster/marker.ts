import { readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Layout } from "./layout";
import { writeJson } from "./write-file";

/** What lies beside kwokctl's files: it shows that they are ours, and what they were made from. */
export interface Marker {
  readonly owner: "talos-mesh";
  /** Where it was made: kwokctl's files hold this path, so a copied or moved project cannot use them. */
  readonly kwok: string;
  readonly stack: string;
  readonly name: string;
  readonly kubernetesVersion: string;
  readonly apiServerPort: number;
  /** False until the first `up` has come to its end; what is there before that is made anew. */
  readonly complete: boolean;
}

export function readMarker(layout: Layout): Marker | undefined {
  try {
    const marker = JSON.parse(readFileSync(layout.marker, "utf8")) as Partial<Marker>;
    return marker.owner === "talos-mesh" ? (marker as Marker) : undefined;
  } catch {
    return undefined;
  }
}

export function writeMarker(layout: Layout, marker: Marker): void {
  writeJson(layout.marker, marker);
}

/** @throws Error when the folder holds anything and is not marked as ours. */
export function refuseForeign(layout: Layout): void {
  if (readMarker(layout) !== undefined || entriesOf(layout.kwok).length === 0) return;
  throw new Error(
    `${layout.kwok} holds files that this program did not make (it has no readable ${path.basename(layout.marker)}).\n` +
      "Nothing was touched. Move that folder away, or use another stack, and run this again.",
  );
}

/** Removes kwokctl's working folder, the marker last: killed in between, the rest is still known as ours. */
export function removeKwokFolder(layout: Layout): void {
  for (const entry of entriesOf(layout.kwok)) {
    const file = path.join(layout.kwok, entry);
    if (file !== layout.marker) rmSync(file, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
  rmSync(layout.kwok, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
