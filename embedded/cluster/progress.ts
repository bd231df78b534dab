import type { ToolProgress } from "../tools/ensure-tools";

/** Progress of obtaining tools as lines, at most one in ten seconds for the same step of the same tool. */
export function toolProgressLines(say: (line: string) => void): (event: ToolProgress) => void {
  let last = { key: "", elapsedMs: 0 };
  return ({ tool, step, detail, elapsedMs }) => {
    const key = `${tool} ${step}`;
    if (key === last.key && elapsedMs - last.elapsedMs < 10_000) return;
    last = { key, elapsedMs };
    say(`${tool}: ${step}${detail === undefined ? "" : ` (${detail})`} [${Math.round(elapsedMs / 1000)} s]`);
  };
}
