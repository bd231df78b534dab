import type { Change, Item, RunObserver } from "../../../../cli/engine/engine";

export interface Recording extends RunObserver {
  /** The change of each resource, by its label. */
  readonly changes: Map<string, Change | "failed">;
  readonly notes: string[];
  /** Labels in the order in which they were finished. */
  readonly order: string[];
  /** Everything that was reported. */
  readonly text: () => string;
}

/** Records what is reported. */
export function recordingObserver(): Recording {
  const changes = new Map<string, Change | "failed">();
  const notes: string[] = [];
  const order: string[] = [];
  const lines: string[] = [];
  return {
    ...{ changes, notes, order, text: () => lines.join("\n") },
    started: ({ label }: Item) => void lines.push(label),
    progressed: (_item: Item, text: string) => void lines.push(text),
    finished: ({ label }: Item, change: Change) => {
      changes.set(label, change);
      order.push(label);
    },
    failed: ({ label }: Item, reason: string) => {
      changes.set(label, "failed");
      lines.push(reason);
    },
    note: (text: string) => void notes.push(text),
  };
}
