import type { EngineRun, Finding, StackStatus } from "../../cli/engine/engine";
import { Clusters } from "./clusters";
import { inspect, type Expected } from "./inspect";
import { stackLayout } from "./layout";
import { labelOfEntry } from "./naming";
import { StackRecord, type Entry } from "./record";
import { Vault } from "./vault";

/** Compares a stack's record with its cluster. Changes nothing; undefined when nothing is recorded. */
export async function inspectStack(
  run: Pick<EngineRun, "projectRoot" | "stack" | "signal">,
): Promise<StackStatus | undefined> {
  const { folder, state, key } = stackLayout(run.projectRoot, run.stack);
  if (!StackRecord.exists(state)) return undefined;
  const record = StackRecord.open(state);
  const clusters = new Clusters({ record, vault: Vault.open(key), folder, signal: run.signal });
  const expected = record.all().flatMap(expectedOf);
  const findings: Finding[] = [];
  let reachable = true;
  for (const provider of new Set(expected.map(({ provider }) => provider))) {
    const here = expected.filter((each) => each.provider === provider);
    const server = await clusters.server(provider).catch(() => undefined);
    if (server !== undefined && (await server.answers())) findings.push(...(await inspect(server, here, run.signal)));
    else reachable = false;
  }
  return { reachable, findings, outputs: record.outputs ?? {} };
}

function expectedOf(entry: Entry): (Expected & { readonly provider: string | undefined })[] {
  const { layer, target, provider, status } = entry;
  if (target.kind !== "object" && target.kind !== "release") return [];
  return [{ layer, label: labelOfEntry(entry), target, provider, unfinished: status === "intended" }];
}
