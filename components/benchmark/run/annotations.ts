import type { BenchCluster } from "./cluster";
import type { Annotation } from "./grafana";

interface AnnotationsContext {
  readonly cluster: Pick<BenchCluster, "annotate">;
  readonly say: (line: string) => void;
}

/**
 * The beginning and the end of a benchmark, where Grafana's pages show them. Nothing depends on them: where Grafana does
 * not take one, that is said, and it is tried again with the next one.
 */
export class Annotations {
  private waiting: Annotation[] = [];
  private begun = false;

  /** @param namespace of Grafana; without one nothing is kept */
  constructor(
    private readonly context: AnnotationsContext,
    private readonly stack: string,
    private readonly namespace: string | undefined,
  ) {}

  async begin(): Promise<void> {
    this.begun = true;
    await this.add(`Benchmark of ${this.stack} begins`);
  }

  /** Nothing where it has not begun. */
  async end(): Promise<void> {
    if (this.begun) await this.add(`Benchmark of ${this.stack} ends`);
  }

  private async add(text: string): Promise<void> {
    const { namespace, context } = this;
    if (namespace === undefined) return;
    this.waiting.push({ at: new Date(), text });
    try {
      for (let next = this.waiting[0]; next; next = this.waiting[0]) {
        await context.cluster.annotate(namespace, next);
        this.waiting.shift();
      }
    } catch (error) {
      context.say(`Warning: Grafana does not show "${text}" (${(error as Error).message}); nothing else depends on it`);
    }
  }
}
