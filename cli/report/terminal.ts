import type { Writable } from "node:stream";

type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const frames = [..."⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"];
/** Milliseconds before the live line appears. */
const quiet = 1000;

/**
 * Prints lines, and on a terminal a live line below them that shows what is being waited for. The live line goes to
 * stderr, so that a redirected stdout has the other lines only.
 */
export class Terminal {
  readonly color: boolean;
  private readonly live: boolean;
  private timer: NodeJS.Timeout | undefined;
  private current: { text: string; readonly since: number } | undefined;
  private frame = 0;
  private drawn = false;

  constructor(
    private readonly out: Stream = process.stdout,
    private readonly err: Stream = process.stderr,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    this.color = out.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
    this.live = err.isTTY === true && env.TERM !== "dumb" && (env.CI ?? "") === "";
  }

  line(text = ""): void {
    this.erase();
    this.out.write(`${text}\n`);
  }

  lines(...texts: readonly string[]): void {
    for (const text of texts) this.line(text);
  }

  errorLine(text: string): void {
    this.erase();
    this.err.write(`${text}\n`);
  }

  paint(style: keyof typeof styles, text: string): string {
    return this.color ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
  }

  /** Shows on the live line what is being waited for, and for how long; undefined removes it. */
  show(waiting: { readonly text: string; readonly since: number } | undefined): void {
    this.current = waiting;
    if (!this.live) return;
    if (waiting === undefined) {
      clearInterval(this.timer);
      this.timer = undefined;
      this.erase();
    } else if (this.timer === undefined) {
      this.timer = setInterval(() => this.draw(), 100);
      this.timer.unref();
    }
  }

  private draw(): void {
    const { current } = this;
    if (current === undefined || Date.now() - current.since < quiet) return this.erase();
    this.frame = (this.frame + 1) % frames.length;
    const text = `${frames[this.frame] ?? ""} ${current.text} ${elapsed(Date.now() - current.since)}`;
    this.err.write(`\r\u001b[K${[...text].slice(0, (this.err.columns ?? 80) - 1).join("")}`);
    this.drawn = true;
  }

  private erase(): void {
    if (this.drawn) this.err.write("\r\u001b[K");
    this.drawn = false;
  }
}

const styles = { bold: 1, red: 31, green: 32, yellow: 33 } as const;

/** `0.4s`, `12s`, `3m 05s`. */
export function elapsed(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, "0")}s`;
}

export function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? "" : "s"}`;
}

/** Lines with a heading and aligned columns; columns of numbers are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) => row.map(String));
  const numeric = head.map((_, column) => column > 0 && cells.every((row) => /^[\d.]/.test(row[column] ?? "")));
  return columns([head, ...cells], numeric);
}

export function columns(rows: readonly (readonly string[])[], toRight: readonly boolean[] = []): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, column) => (toRight[column] ? cell.padStart(width(column)) : cell.padEnd(width(column))))
      .join("  ")
      .trimEnd(),
  );
}
