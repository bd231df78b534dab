export type Severity = "debug" | "info" | "warning" | "error";
export type ProgramLog = (severity: Severity, message: string) => void;

const methods = ["log", "info", "warn", "error"] as const;
type Print = (this: void, ...args: unknown[]) => void;
/** Node binds these to the console, so they can be taken off and put back. */
const printers = console as Record<(typeof methods)[number], Print>;
const runtimeLine = /^(debug|info|warning|error): \[runtime\] ([\s\S]*)$/;

/**
 * Without a Pulumi engine the SDK prints what goes to `pulumi.log`, its own warnings included, on the console. Until
 * the returned function is called, those lines go to `log` and every other line to the console as before.
 */
export function captureRuntimeLog(log: ProgramLog): () => void {
  const originals = methods.map((method) => [method, printers[method]] as const);
  for (const [method, original] of originals) {
    printers[method] = (...args) => {
      const match = typeof args[0] === "string" ? runtimeLine.exec(args[0]) : null;
      if (match) log(match[1] as Severity, match[2] ?? "");
      else original(...args);
    };
  }
  return () => {
    for (const [method, original] of originals) printers[method] = original;
  };
}
