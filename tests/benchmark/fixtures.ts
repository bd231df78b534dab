import { readFileSync } from "node:fs";
import path from "node:path";

/** What real programs printed (fortio 1.66.0, iperf3 3.12), kept as it came. */
export function recorded(name: `fortio/${string}` | `iperf3/${string}`): string {
  return readFileSync(path.resolve(__dirname, "../fixtures/benchmark", name), "utf8");
}
