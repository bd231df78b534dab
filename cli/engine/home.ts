import { mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

/**
 * What `.talos-mesh` records is about one project folder, named in a file `home` in it. A copy of the project has a copy
 * of the records too, and they lead to the original's cluster: acted upon from the copy, they would take it down.
 */
const records = (root: string) => path.join(root, ".talos-mesh");
const homeFile = (root: string) => path.join(records(root), "home");

/** The project whose records these are, where this one is a copy of it; its move to another place is none. */
export function copiedFrom(projectRoot: string): string | undefined {
  const here = realpathSync(projectRoot);
  const home = homeOf(here);
  if (home === undefined || home === here || homeOf(home) !== home) return undefined;
  const [ours, theirs] = [here, home].map((root) => statSync(records(root)));
  // One folder may have two names, inside a container and outside.
  return ours?.ino === theirs?.ino && ours?.dev === theirs?.dev ? undefined : home;
}

/** Says that the records are this project's, from now on. */
export function recordHome(projectRoot: string): void {
  mkdirSync(records(projectRoot), { recursive: true, mode: 0o700 });
  writeFileSync(homeFile(projectRoot), `${realpathSync(projectRoot)}\n`);
}

/** Removes records that came along with a copy; the original has its own. */
export function dropCopiedRecords(projectRoot: string): void {
  rmSync(records(projectRoot), { recursive: true, force: true });
}

function homeOf(root: string): string | undefined {
  try {
    return readFileSync(homeFile(root), "utf8").trim();
  } catch {
    return undefined;
  }
}
