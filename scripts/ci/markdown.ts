/** Longest body that GitHub accepts for a comment or an issue, in characters. */
export const bodyLimit = 65_536;

/**
 * A fenced block that nothing in its content can close. Content of more than `room` characters is cut after a line, and
 * the last line says how much is missing.
 */
export function fenced(text: string, language: string, room: number): string {
  const body = cut(text.trimEnd(), room);
  const ticks = [...body.matchAll(/`+/g)].reduce((longest, [run]) => Math.max(longest, run.length), 2);
  const fence = "`".repeat(ticks + 1);
  return `${fence}${language}\n${body}\n${fence}`;
}

/** Cut after a line, where it has more than `room` characters; the last line says how much is missing. */
export function cut(text: string, room: number): string {
  if (text.length <= room) return text;
  const kept = text.slice(0, Math.max(0, text.lastIndexOf("\n", room)));
  const lines = text.slice(kept.length).split("\n").filter(Boolean).length;
  return `${kept}\n... ${lines} more lines, left out here`.trimStart();
}

/** A name as code, with any characters. */
export function code(name: string): string {
  return `\`${name.replace(/[^\w./:@+ ()-]/g, "?")}\``;
}
