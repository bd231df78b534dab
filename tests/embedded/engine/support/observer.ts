import type { Change, Item, RunObserver } from "../../../../cli/engine/engine";

export interface Recorded extends RunObserver {
  /** What became of each resource, by its label. */
  readonly changes: Map<string, Change | "failed">;
  readonly notes: string[];
  /** Labels in the order in which they were finished. */
  readonly order: string[];
  /** Everything that was told, as one text. */
  readonly text: () => string;
}

/** Keeps what it is told. */
export function quietObserver(): Recorded {
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
    failed: ({ label }: Item, why: string) => {
      changes.set(label, "failed");
      lines.push(why);
    },
    note: (text: string) => void notes.push(text),
  };
}
