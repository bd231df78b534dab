import { worstVerdict } from "../evaluation/verdicts";
import type { SeriesResult, Verdict } from "../result";

/** Whether a client may talk to a service, by the requests of the authorization probes: all, some or none get through. */
export type Access = "allowed" | "partly" | "denied";

/** A kind of request, planned or measured. */
export interface AskedRequest extends Pick<SeriesResult, "from" | "to" | "request" | "expected" | "expectedAnswers"> {
  /** @default not measured */
  readonly verdict?: Verdict | undefined;
}

export interface AccessCell<Asked extends AskedRequest> {
  readonly expected: Access;
  /** @default not measured */
  readonly verdict: Verdict | undefined;
  readonly series: readonly Asked[];
}

/** Who may talk to whom: a row for each client, a column for each server; without a cell, nothing was asked. */
export interface AccessMatrix<Asked extends AskedRequest> {
  readonly clients: readonly string[];
  readonly servers: readonly string[];
  cell(client: string, server: string): AccessCell<Asked> | undefined;
}

export function accessMatrix<Asked extends AskedRequest>(all: readonly Asked[]): AccessMatrix<Asked> {
  const cells = new Map<string, Asked[]>();
  for (const one of all) {
    const key = keyOf(one.from, one.to);
    cells.set(key, [...(cells.get(key) ?? []), one]);
  }
  return {
    clients: distinct(all.map(({ from }) => from)),
    servers: distinct(all.map(({ to }) => to)),
    cell: (client, server) => {
      const series = cells.get(keyOf(client, server));
      return series && { expected: accessOf(series), verdict: worstKnown(series), series };
    },
  };
}

function accessOf(series: readonly AskedRequest[]): Access {
  const through = series.filter(({ expectedAnswers }) => expectedAnswers.includes("application")).length;
  if (through === 0) return "denied";
  return through === series.length ? "allowed" : "partly";
}

/** Of those that were measured. */
export function worstKnown(all: readonly { readonly verdict?: Verdict | undefined }[]): Verdict | undefined {
  const known = all.flatMap(({ verdict }) => verdict ?? []);
  return known.length > 0 ? worstVerdict(known) : undefined;
}

function keyOf(...names: readonly string[]): string {
  return JSON.stringify(names);
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}
