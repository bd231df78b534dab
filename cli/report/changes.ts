import { count } from "./format";
import type { Change, Item, RunObserver } from "../engine/engine";
import type { Terminal } from "./terminal";

const signs = {
  created: ["+", "create"],
  updated: ["~", "update"],
  replaced: ["±", "replace"],
  deleted: ["-", "delete"],
} as const;

/** What a preview says would happen. */
export class CollectedChanges implements RunObserver {
  private readonly found = new Map<string, { readonly item: Item; readonly change: Change }>();

  /** @param others is told of failures and notes, which a preview has too */
  constructor(private readonly others: Pick<RunObserver, "note" | "failed" | "started">) {}

  get none(): boolean {
    return [...this.found.values()].every(({ change }) => change === "unchanged");
  }

  started(): void {
    // Nothing takes long.
  }

  progressed(): void {
    // Nothing takes long.
  }

  finished(item: Item, change: Change): void {
    this.found.set(`${item.layer} ${item.label}`, { item, change });
  }

  failed(item: Item, why: string): void {
    this.others.started(item);
    this.others.failed(item, why);
  }

  note(text: string): void {
    this.others.note(text);
  }

  /** Prints a line for each change, and how many there are of each. */
  report(terminal: Terminal): void {
    const all = [...this.found.values()];
    terminal.line();
    for (const { item, change } of all) {
      if (change !== "unchanged") terminal.line(`  ${signs[change][0]} ${item.layer.padEnd(13)} ${item.label}`);
    }
    const sums = (["created", "updated", "replaced", "deleted"] as const).flatMap((change) => {
      const number = all.filter((each) => each.change === change).length;
      return number === 0 ? [] : [`${number} to ${signs[change][1]}`];
    });
    const same = all.filter(({ change }) => change === "unchanged").length;
    terminal.line([...sums, `${count(same, "object")} unchanged`].join(", "));
  }
}
