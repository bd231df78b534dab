import { messageOf, SeveralErrors } from "../../components/shared/problem";
import type { ToolProgress } from "../../embedded/tools/ensure-tools";
import { reportTools } from "../../embedded/tools/progress";
import type { Change, Item, RunObserver } from "../engine/engine";
import { count, elapsed, type Terminal } from "./terminal";

/** Milliseconds between two lines about waiting, where there is no live line. */
const reminder = 30_000;

/** Prints the progress of a run: a line for each finished layer, and what is being waited for meanwhile. */
export class Progress implements RunObserver {
  readonly summary = new RunSummary();
  private readonly inProgress = new Map<string, { readonly item: Item; readonly since: number; text: string }>();
  /** State of a layer when its last line was printed; a layer that continues after another gets a second line. */
  private readonly printed = new Map<string, { readonly objects: number; readonly busyMs: number }>();
  private readonly reported: string[] = [];
  private lastReminder = Date.now();

  /** @param silent whether only notes are printed: the engine prints its own progress */
  constructor(
    private readonly terminal: Terminal,
    readonly silent = false,
  ) {}

  started(item: Item): void {
    // A layer is done when a later one begins.
    for (const summary of this.summary.all()) {
      if (summary.layer !== item.layer && !this.printed.has(summary.layer)) this.printLayer(summary);
    }
    this.summary.begin(item);
    this.inProgress.set(keyOf(item), { item, since: Date.now(), text: "" });
    this.showLongest();
  }

  progressed(item: Item, text: string): void {
    const known = this.inProgress.get(keyOf(item));
    if (known === undefined || text.trim() === "") return;
    known.text = text.trim();
    this.showLongest();
    if (Date.now() - this.lastReminder < reminder || process.stderr.isTTY) return;
    this.lastReminder = Date.now();
    this.terminal.line(`  ${item.label}: ${known.text} (${elapsed(Date.now() - known.since)})`);
  }

  finished(item: Item, result: Change | "failed"): void {
    this.summary.end(item, result);
    this.inProgress.delete(keyOf(item));
    this.showLongest();
  }

  failed(item: Item, reason: string): void {
    this.finished(item, "failed");
    if (this.silent) return;
    this.reported.push(reason);
    const [first = "", ...details] = reason.split("\n");
    this.terminal.errorLine(`${this.terminal.paint("red", "✗")} ${item.layer}: ${item.label}: ${first}`);
    for (const line of details) this.terminal.errorLine(`    ${line}`);
  }

  note(text: string): void {
    this.terminal.line(this.terminal.paint("yellow", `! ${text}`));
  }

  /** Whether an error has already been printed as the failure of a resource. */
  hasReported(error: unknown): boolean {
    const message = messageOf(error);
    return this.reported.some((reason) => message.includes(reason)) && !(error instanceof SeveralErrors);
  }

  close(): void {
    for (const summary of this.summary.all()) this.printLayer(summary);
    this.terminal.show(undefined);
  }

  private printLayer(summary: LayerSummary): void {
    const { layer, busyMs, counts, inProgress } = summary;
    if (this.silent || inProgress > 0) return;
    const objects = total(summary);
    const before = this.printed.get(layer) ?? { objects: 0, busyMs: 0 };
    if (before.objects === objects) return;
    this.printed.set(layer, { objects, busyMs });
    if (counts.failed > 0) return;
    const mark = this.terminal.paint("green", "✓");
    const details = [count(objects - before.objects, "object").padStart(10), elapsed(busyMs - before.busyMs)];
    if (before.objects > 0) details.push(`(${objects} in total)`);
    this.terminal.line(`${mark} ${layer.padEnd(13)} ${details.join("  ")}`);
  }

  private showLongest(): void {
    if (this.silent) return;
    const [longest] = [...this.inProgress.values()].sort((a, b) => a.since - b.since);
    if (longest === undefined) return this.terminal.show(undefined);
    const { item, text, since } = longest;
    this.terminal.show({ text: `${item.layer}: ${item.label}${text && `: ${text}`}`, since });
  }
}

function keyOf({ layer, label }: Item): string {
  return `${layer} ${label}`;
}

export interface LayerSummary {
  readonly layer: string;
  readonly counts: Record<Change | "failed", number>;
  inProgress: number;
  /** Milliseconds in which at least one of its resources was in progress. */
  busyMs: number;
  /** When the first of those that are in progress began. */
  since: number;
}

/** Counts the changes of a run by layer, in the order in which the layers began. */
export class RunSummary {
  private readonly layers = new Map<string, LayerSummary>();

  constructor(private readonly now: () => number = Date.now) {}

  begin({ layer }: Item): void {
    const summary = this.summaryOf(layer);
    if (summary.inProgress === 0) summary.since = this.now();
    summary.inProgress += 1;
  }

  end({ layer }: Item, result: Change | "failed"): void {
    const summary = this.summaryOf(layer);
    summary.inProgress -= 1;
    if (summary.inProgress === 0) summary.busyMs += this.now() - summary.since;
    summary.counts[result] += 1;
  }

  all(): readonly LayerSummary[] {
    return [...this.layers.values()];
  }

  get changed(): boolean {
    return this.all().some(({ counts }) => counts.created + counts.updated + counts.replaced + counts.deleted > 0);
  }

  private summaryOf(layer: string): LayerSummary {
    const counts = { created: 0, updated: 0, replaced: 0, unchanged: 0, deleted: 0, failed: 0 };
    const summary = this.layers.get(layer) ?? { layer, counts, inProgress: 0, busyMs: 0, since: 0 };
    this.layers.set(layer, summary);
    return summary;
  }
}

export function total({ counts }: Pick<LayerSummary, "counts">): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export function toolProgress(terminal: Terminal): (progress: ToolProgress) => void {
  const since = Date.now();
  return reportTools(
    (line) => terminal.line(`  ${line}`),
    (text) => terminal.show(text === undefined ? undefined : { text, since }),
  );
}
