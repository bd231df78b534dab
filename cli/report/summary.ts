import type { Change, Item } from "../engine/engine";

/** What became of one layer's resources. */
export interface LayerSummary {
  readonly layer: string;
  readonly counts: Readonly<Record<Change, number>>;
  readonly failed: number;
  /** Milliseconds in which at least one of its resources was being worked on. */
  readonly busyMs: number;
}

interface Tally {
  readonly counts: Record<Change, number>;
  failed: number;
  busyMs: number;
  underWay: number;
  since: number;
}

const noChanges: Readonly<Record<Change, number>> = { created: 0, updated: 0, replaced: 0, unchanged: 0, deleted: 0 };

/** Counts what happens in a run, layer by layer, in the order in which the layers began. */
export class RunSummary {
  private readonly layers = new Map<string, Tally>();

  constructor(private readonly now: () => number = Date.now) {}

  begin({ layer }: Item): void {
    const tally = this.tally(layer);
    if (tally.underWay === 0) tally.since = this.now();
    tally.underWay += 1;
  }

  end({ layer }: Item, result: Change | "failed"): void {
    const tally = this.tally(layer);
    tally.underWay -= 1;
    if (tally.underWay === 0) tally.busyMs += this.now() - tally.since;
    if (result === "failed") tally.failed += 1;
    else tally.counts[result] += 1;
  }

  isIdle(layer: string): boolean {
    return (this.layers.get(layer)?.underWay ?? 0) === 0;
  }

  all(): LayerSummary[] {
    return [...this.layers].map(([layer, { counts, failed, busyMs }]) => ({ layer, counts, failed, busyMs }));
  }

  /** Whether anything was made, changed or deleted. */
  get changed(): boolean {
    return this.all().some(({ counts }) => counts.created + counts.updated + counts.replaced + counts.deleted > 0);
  }

  private tally(layer: string): Tally {
    const tally = this.layers.get(layer) ?? { counts: { ...noChanges }, failed: 0, busyMs: 0, underWay: 0, since: 0 };
    this.layers.set(layer, tally);
    return tally;
  }
}

export function total({ counts }: Pick<LayerSummary, "counts">): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
