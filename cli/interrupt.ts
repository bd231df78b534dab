import { createInterface, type Interface } from "node:readline/promises";
import { setMaxListeners } from "node:events";

/** Exit code of a command that was ended by Ctrl-C, as shells give it. */
export const interrupted = 130;

/** The first Ctrl-C (or request to end) aborts the signal, the second ends the process at once. */
export function onInterrupt(announce: () => void): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  // Every request and wait under way listens to it.
  setMaxListeners(0, controller.signal);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(interrupted);
    announce();
    controller.abort();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

/** For questions on this terminal; Ctrl-C ends the command. */
export function terminalQuestions(): Interface {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  return lines.on("SIGINT", () => process.exit(interrupted));
}
