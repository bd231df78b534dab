import type { Writable } from "node:stream";
import { elapsed } from "./format";

type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** Milliseconds before anything moves: what is quick needs no spinner. */
const quiet = 1000;

/**
 * Lines that stay, and on a terminal one line below them that shows what is being waited for. What stays goes to
 * stdout, the live line to stderr, so that a redirected stdout holds the lines only.
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

  /** For what went wrong. */
  errorLine(text: string): void {
    this.erase();
    this.err.write(`${text}\n`);
  }

  paint(style: keyof typeof styles, text: string): string {
    return this.color ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
  }

  /** What is being waited for, since when (milliseconds since 1970); nothing when undefined. */
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

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
