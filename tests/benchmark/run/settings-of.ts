import type { z } from "zod";
import { benchmark, type BenchmarkSettings } from "../../../components/settings/sections/benchmark";

/** Settings over what the recorded run was asked for, so that it passes the gates. */
export function settingsOf(settings: z.input<typeof benchmark>): BenchmarkSettings {
  return benchmark.parse({
    ...{ scenarios: ["none"], qps: [100], connections: [4], duration: "2s", warmUp: "1s" },
    ...{ tcpStreams: [], transactions: false, ...settings },
  });
}
