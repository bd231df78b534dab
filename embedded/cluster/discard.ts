import { existsSync } from "node:fs";
import type { Layout } from "./layout";
import { removeKwokFolder, type Marker } from "./marker";
import { endProcesses } from "./processes";

/** Ends what runs of a cluster, also where its files were removed, and removes kwokctl's files. */
export async function discard(layout: Layout, marker: Marker | undefined): Promise<void> {
  await endProcesses(layout.kwok);
  // Made elsewhere: the project was moved when that place is gone (its processes may still run under the old path),
  // else it was copied, and they are the original's.
  if (marker !== undefined && marker.kwok !== layout.kwok && !existsSync(marker.kwok)) await endProcesses(marker.kwok);
  removeKwokFolder(layout);
}
