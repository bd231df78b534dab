/**
 * Bytes of progress. Pulumi hands a command what it printed the last time, in one environment variable for each stream,
 * and Linux starts no program with a variable above 128 KiB: the command could never run again, nor its `delete`.
 */
const room = 64 * 1024;
/** Lines of progress, as long as they may get. */
const most = 250;

/** Says every line, but of those of progress (`[7/1200] ...`) only so many, evenly spread, as there is room for. */
export function sparing(say: (line: string) => void): (line: string) => void {
  let said = 0;
  return (line) => {
    const [, index, total] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
    if (index !== undefined && total !== undefined) {
      const every = Math.ceil(Number(total) / most);
      if (Number(index) % every !== 0 && index !== total) return;
      said += Buffer.byteLength(line) + 1;
      if (said > room) return;
    }
    say(line);
  };
}
