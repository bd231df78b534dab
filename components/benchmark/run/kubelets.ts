import type { ContainerSample } from "../measure/usage";
import type { BenchCluster } from "./cluster";

/** Seconds within which a kubelet reads its counters anew (housekeeping: 10 s, and up to 15 s where little happens). */
export const kubeletPeriod = 15;

/** The counters of some nodes. A kubelet that gives none costs the cost, and not the run. */
export class Kubelets {
  private readonly reasons = new Map<string, string>();

  constructor(
    private readonly cluster: Pick<BenchCluster, "usage">,
    private readonly nodes: readonly string[],
    private readonly say: (line: string) => void,
  ) {}

  /** Counters of every container, of the nodes whose kubelets give them. */
  async look(): Promise<ContainerSample[]> {
    const all = await Promise.all(
      this.nodes.map((node) =>
        this.cluster.usage(node).catch((error: unknown) => this.nothingOf(node, error as Error)),
      ),
    );
    return all.flat();
  }

  /** Why counters were missing so far, by node. */
  missing(): string[] {
    return [...this.reasons].map(([node, reason]) => `${node}: ${reason}`);
  }

  private nothingOf(node: string, { message }: Error): [] {
    if (!this.reasons.has(node)) {
      this.reasons.set(node, message);
      this.say(
        `Warning: ${node} gives no counters (${message}), so that without them neither the cost nor the load ` +
          "generator's share of the processors is known; it takes a right to nodes/proxy",
      );
    }
    return [];
  }
}
