import { messageOf, ProgramErrors } from "../../embedded/program/errors";
import { count, elapsed } from "./format";
import type { Change, Item, RunObserver } from "../engine/engine";
import { RunSummary, total } from "./summary";
import type { Terminal } from "./terminal";

/** Milliseconds between two lines about the same wait, where there is no terminal to show it on. */
const reminder = 30_000;

/** Prints the progress of a run: a line for each finished layer, and what is being waited for meanwhile. */
export class Progress implements RunObserver {
  readonly summary = new RunSummary();
  private readonly underWay = new Map<string, { readonly item: Item; readonly since: number; text: string }>();
  /** State of a layer when its last line was printed; a layer that continues after another gets a second line. */
  private readonly printed = new Map<string, { readonly objects: number; readonly busyMs: number }>();
  private readonly reported: string[] = [];
  private lastReminder = Date.now();

  constructor(private readonly terminal: Terminal) {}

  started(item: Item): void {
    // A layer is done when a later one begins.
    for (const { layer } of this.summary.all()) {
      if (layer !== item.layer && !this.printed.has(layer)) this.printLayer(layer);
    }
    this.summary.begin(item);
    this.underWay.set(keyOf(item), { item, since: Date.now(), text: "" });
    this.showLongest();
  }

  progressed(item: Item, text: string): void {
    const known = this.underWay.get(keyOf(item));
    if (known === undefined || text.trim() === "") return;
    known.text = text.trim();
    this.showLongest();
    if (Date.now() - this.lastReminder < reminder || process.stderr.isTTY) return;
    this.lastReminder = Date.now();
    this.terminal.line(`  ${item.label}: ${known.text} (${elapsed(Date.now() - known.since)})`);
  }

  finished(item: Item, change: Change): void {
    this.settle(item, change);
  }

  failed(item: Item, why: string): void {
    this.settle(item, "failed");
    this.reported.push(why);
    const [first = "", ...details] = why.split("\n");
    this.terminal.errorLine(`${this.terminal.paint("red", "✗")} ${item.layer}: ${item.label}: ${first}`);
    for (const line of details) this.terminal.errorLine(`    ${line}`);
  }

  note(text: string): void {
    this.terminal.line(this.terminal.paint("yellow", `! ${text}`));
  }

  /** Whether an error has already been printed as the failure of a resource. */
  hasReported(error: unknown): boolean {
    const message = messageOf(error);
    return this.reported.some((why) => message.includes(why)) && !(error instanceof ProgramErrors);
  }

  /** Prints the remaining layers and removes the live line. */
  close(): void {
    for (const { layer } of this.summary.all()) this.printLayer(layer);
    this.terminal.show(undefined);
  }

  private settle(item: Item, result: Change | "failed"): void {
    this.summary.end(item, result);
    this.underWay.delete(keyOf(item));
    this.showLongest();
  }

  private printLayer(layer: string): void {
    const summary = this.summary.all().find((each) => each.layer === layer);
    if (summary === undefined || !this.summary.isIdle(layer)) return;
    const [objects, { busyMs }] = [total(summary), summary];
    const before = this.printed.get(layer) ?? { objects: 0, busyMs: 0 };
    if (before.objects === objects) return;
    this.printed.set(layer, { objects, busyMs });
    if (summary.failed > 0) return;
    const mark = this.terminal.paint("green", "✓");
    const details = [count(objects - before.objects, "object").padStart(10), elapsed(busyMs - before.busyMs)];
    if (before.objects > 0) details.push(`(${objects} in total)`);
    this.terminal.line(`${mark} ${layer.padEnd(13)} ${details.join("  ")}`);
  }

  private showLongest(): void {
    const [longest] = [...this.underWay.values()].sort((a, b) => a.since - b.since);
    if (longest === undefined) return this.terminal.show(undefined);
    const { item, text, since } = longest;
    this.terminal.show({ text: `${item.layer}: ${item.label}${text && `: ${text}`}`, since });
  }
}

function keyOf({ layer, label }: Item): string {
  return `${layer} ${label}`;
}
