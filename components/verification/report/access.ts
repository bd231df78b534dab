import { worstVerdict } from "../evaluation/evaluate";
import type { SeriesResult, VerificationResult, Verdict } from "../result";

/** Whether a client may talk to a service, by the requests of the authorization probes: all, some or none get through. */
export type Access = "allowed" | "partly" | "denied";

export interface AccessCell {
  readonly expected: Access;
  readonly verdict: Verdict;
  readonly series: readonly SeriesResult[];
}

/** Who may talk to whom: a row for each client, a column for each server; without a cell, nothing was asked. */
export interface AccessMatrix {
  readonly clients: readonly string[];
  readonly servers: readonly string[];
  cell(client: string, server: string): AccessCell | undefined;
}

export function accessMatrix({ probes }: Pick<VerificationResult, "probes">): AccessMatrix {
  const cells = new Map<string, SeriesResult[]>();
  for (const one of probes.filter(({ kind }) => kind === "authorization").flatMap(({ series }) => series)) {
    const key = keyOf(one.from, one.to);
    cells.set(key, [...(cells.get(key) ?? []), one]);
  }
  const all = [...cells.values()].flat();
  return {
    clients: distinct(all.map(({ from }) => from)),
    servers: distinct(all.map(({ to }) => to)),
    cell: (client, server) => {
      const series = cells.get(keyOf(client, server));
      return series && { expected: accessOf(series), verdict: worstVerdict(series.map((one) => one.verdict)), series };
    },
  };
}

function accessOf(series: readonly SeriesResult[]): Access {
  const through = series.filter(({ expectedAnswers }) => expectedAnswers.includes("application")).length;
  if (through === 0) return "denied";
  return through === series.length ? "allowed" : "partly";
}

function keyOf(...names: readonly string[]): string {
  return JSON.stringify(names);
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}
