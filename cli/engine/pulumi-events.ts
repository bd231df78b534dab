import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import type { Change, Item, RunObserver } from "./engine";
import { labelOf, layerOf } from "../../embedded/engine/naming";

/** What an operation of the engine is to people; `undefined` for parts of a replacement and for looks only. */
const changes: Readonly<Partial<Record<string, Change>>> = {
  same: "unchanged",
  create: "created",
  update: "updated",
  delete: "deleted",
  "create-replacement": "replaced",
};

/** Hands the engine's events to an observer, and keeps what it says went wrong. */
export class PulumiEvents {
  /** Errors that belong to no resource: those of the program, such as bad settings. */
  readonly programErrors: string[] = [];
  private readonly reasons = new Map<string, string[]>();
  private readonly open = new Map<string, Item>();
  /** What has been told of; a second pass of the same run says "unchanged" of it. */
  private readonly done = new Set<string>();

  constructor(private readonly observer: RunObserver) {}

  /** What went wrong: with the program, else with its resources. */
  get errors(): readonly string[] {
    return this.programErrors.length > 0 ? this.programErrors : [...this.reasons.values()].flat();
  }

  readonly onEvent = (event: EngineEvent): void => {
    const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, diagnosticEvent } = event;
    if (resourcePreEvent !== undefined) this.begin(resourcePreEvent.metadata);
    if (resOutputsEvent !== undefined) this.end(resOutputsEvent.metadata);
    if (resOpFailedEvent !== undefined) this.fail(resOpFailedEvent.metadata);
    if (diagnosticEvent !== undefined) this.diagnose(diagnosticEvent);
  };

  /** Ends what has begun and of which the engine says no more: it failed, or the run was stopped. */
  close(): void {
    for (const [urn, item] of this.open) this.observer.failed(item, this.reasonOf(urn) ?? "not completed");
    this.open.clear();
  }

  private begin({ op, urn, type, ...metadata }: StepEventMetadata): void {
    // Providers that the engine makes by itself belong to no layer.
    const own = type.startsWith("pulumi:providers:") && layerOf(urn) === "other";
    if (changes[op] === undefined || own || !isResource(type)) return;
    if (op === "same" && this.done.has(urn)) return;
    const inputs = (metadata.new ?? metadata.old)?.inputs as Record<string, unknown> | undefined;
    const item = { layer: layerOf(urn), label: labelOf({ type, name: urn.split("::").at(-1) ?? urn }, inputs ?? {}) };
    this.open.set(urn, item);
    this.observer.started(item);
  }

  private end({ op, urn }: StepEventMetadata): void {
    const item = this.open.get(urn);
    const change = changes[op];
    if (item === undefined || change === undefined) return;
    this.open.delete(urn);
    this.done.add(urn);
    this.observer.finished(item, change);
  }

  private fail({ urn }: StepEventMetadata): void {
    const item = this.open.get(urn);
    if (item === undefined) return;
    this.open.delete(urn);
    this.observer.failed(item, this.reasonOf(urn) ?? "failed");
  }

  private diagnose({ urn, message, severity, ephemeral }: NonNullable<EngineEvent["diagnosticEvent"]>): void {
    const text = message.replace(/<\{%[^%]*%\}>/g, "").trim();
    const item = urn === undefined ? undefined : this.open.get(urn);
    if (severity === "error") {
      if (urn !== undefined && isResource(urn.split("::")[2]?.split("$").at(-1) ?? "")) {
        this.reasons.set(urn, [...(this.reasons.get(urn) ?? []), text]);
      } else if (!/^(update|preview|destroy) failed$/.test(text)) {
        this.programErrors.push(text);
      }
    } else if (item !== undefined) {
      this.observer.progressed(item, text.split("\n").at(-1) ?? "");
    } else if (severity === "warning" && ephemeral !== true && !isChatter(text)) {
      this.observer.note(text);
    }
  }

  private reasonOf(urn: string): string | undefined {
    return this.reasons.get(urn)?.join("\n");
  }
}

/** The engine warns of plugins on PATH, which is where they were put on purpose. */
function isChatter(text: string): boolean {
  return /^using \S+ from \$PATH at /.test(text);
}

/** Components and the engine's own resources are names for what they hold. */
function isResource(type: string): boolean {
  return type !== "" && !/^(talos-mesh:|pulumi:pulumi:)/.test(type);
}
