import { mkdirSync } from "node:fs";
import { withLock } from "../../components/shared/lock";
import type { Layout } from "./layout";

/** Runs `work` while no other process works on the same cluster. Waits for one that may be building tools. */
export function withClusterLock<T>(layout: Layout, say: (line: string) => void, work: () => Promise<T>): Promise<T> {
  mkdirSync(layout.folder, { recursive: true });
  const options = {
    waitMs: 30 * 60_000,
    purpose: "working on the embedded cluster",
    onWait: ({ pid }: { pid: number }) => say(`waiting for process ${pid}, which works on the same cluster`),
  };
  return withLock(layout.lock, options, work);
}
