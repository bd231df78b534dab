import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import { readIfExists } from "../../components/shared/files";
import { isTree } from "../../components/shared/merge";
import { releaseType } from "../../components/shared/kubernetes/helm-records";
import { labelOf, layerOf } from "../../embedded/engine/naming";
import type { Change, Finding, Item, Outputs } from "./engine";
import { secretMark } from "./pulumi-recovery";

/** Operations for the summary; steps of a replacement and of a refresh are left out. */
const changes: ReadonlyMap<string, Change> = new Map([
  ["same", "unchanged"],
  ["create", "created"],
  ["update", "updated"],
  ["delete", "deleted"],
  ["create-replacement", "replaced"],
]);

interface ResourceEvent extends Item {
  readonly type: string;
  readonly result: Change | "failed";
  /** Whether a refresh found it in the state. */
  readonly known: boolean;
  /** Properties that differ. */
  readonly differences: readonly string[];
}

export type OperationEvents = ReturnType<typeof eventsOf>;

/** Reads the file that `--event-log` writes; a file of a CLI that was killed may end in the middle of a line. */
export function readEvents(file: string): OperationEvents {
  const withoutSecrets = (_key: string, value: unknown): unknown =>
    isTree(value) && secretMark in value ? "[secret]" : value;
  const events = (readIfExists(file) ?? "").split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line, withoutSecrets) as EngineEvent];
    } catch {
      return [];
    }
  });
  return eventsOf(events);
}

export function eventsOf(events: readonly EngineEvent[]) {
  const resources = new Map<string, ResourceEvent>();
  const begun = new Map<string, StepEventMetadata>();
  const refreshed = new Set<string>();
  /** Messages of resources and of the program. */
  const errors: string[] = [];
  /** Of the program; undefined where it did not get that far. */
  let outputs: Outputs | undefined;
  const end = (step: StepEventMetadata | undefined, result: Change | "failed" | undefined) => {
    if (step === undefined || result === undefined || !begun.delete(step.urn) || !isResource(step)) return;
    // In a run of several passes, "unchanged" of a later pass says nothing about the earlier one.
    if (result === "unchanged" && resources.has(step.urn)) return;
    const { urn, type, diffs = [] } = step;
    const inputs = ((step.new ?? step.old)?.inputs ?? {}) as Record<string, unknown>;
    const label = labelOf({ type, name: urn.split("::").at(-1) ?? urn }, inputs);
    resources.set(urn, { layer: layerOf(urn), label, type, result, known: refreshed.has(urn), differences: diffs });
  };
  for (const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, diagnosticEvent } of events) {
    const [pre, done, failed] = [resourcePreEvent, resOutputsEvent, resOpFailedEvent].map((each) => each?.metadata);
    if (pre !== undefined && changes.has(pre.op)) begun.set(pre.urn, pre);
    if (pre?.op === "refresh") refreshed.add(pre.urn);
    if (done?.type === "pulumi:pulumi:Stack") outputs = done.new?.outputs ?? outputs;
    end(done, done && changes.get(done.op));
    end(failed, "failed");
    if (diagnosticEvent?.severity === "error") {
      errors.push(diagnosticEvent.message.replace(/<\{%[^%]*%\}>/g, "").trim());
    }
  }
  // A run that was cut short leaves them open.
  for (const step of [...begun.values()]) end(step, "failed");
  return { resources: [...resources.values()], outputs, errors };
}

/** The differences between a deployed stack and its stack file, from the events of a preview with a refresh. */
export function findingsOf({ resources }: OperationEvents): Finding[] {
  return resources
    .filter(({ type }) => type.startsWith("kubernetes:"))
    .map(({ layer, label, type, result, known, differences }): Finding => {
      const kind = type === releaseType ? "release" : "object";
      const item = { layer, label, kind } as const;
      if (result === "unchanged") return { ...item, state: "as deployed" };
      if (result === "created") return { ...item, state: known ? "missing" : "not deployed" };
      const detail = result === "deleted" ? "no longer in the stack file" : differences.join(", ");
      return { ...item, state: "changed", detail };
    });
}

/** Components, and providers that the CLI creates by itself, belong to no layer. */
function isResource({ urn, type }: StepEventMetadata): boolean {
  if (type.startsWith("pulumi:providers:")) return layerOf(urn) !== "other";
  return !/^(talos-mesh:|pulumi:pulumi:)/.test(type);
}
