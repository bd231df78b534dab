import type { Registration } from "../program/run-program";
import type { Change, Item, RunObserver } from "../../cli/engine/engine";
import type { Clusters } from "./clusters";
import { milliseconds } from "../../components/shared/duration";
import { labelOf, layerOf } from "./naming";
import type { Entry, StackRecord, Target } from "./record";
import type { Vault } from "./vault";

export interface HostOptions {
  readonly projectRoot: string;
  readonly record: StackRecord;
  readonly vault: Vault;
  readonly clusters: Clusters;
  readonly observer: RunObserver;
  readonly signal?: AbortSignal;
}

/** A resource that has been brought to what the program asks for. */
export interface Made {
  readonly id: string;
  readonly state: Record<string, unknown>;
  readonly change: Exclude<Change, "deleted">;
  /** How it is found again. */
  readonly target: Target;
  readonly fingerprint: string;
}

/** The URN in a reference to a provider, to which the SDK appends an ID. */
export function urnOf(provider: string): string {
  return provider.split("::").slice(0, 4).join("::");
}

/** One resource on its way: what is asked for, what is known of it, and who is told. */
export class Making {
  readonly item: Item;
  /** URN of its provider, without the ID that the SDK appends. */
  readonly provider: string | undefined;

  constructor(
    readonly host: HostOptions,
    readonly registration: Registration,
    /** Its inputs, secrets unwrapped. */
    readonly inputs: Readonly<Record<string, unknown>>,
  ) {
    this.item = { layer: layerOf(registration.urn), label: labelOf(registration, inputs) };
    this.provider = registration.provider && urnOf(registration.provider);
  }

  /** What the record holds of it. */
  get recorded(): Entry | undefined {
    return this.host.record.get(this.registration.urn);
  }

  /** Records that its making begins. */
  intend(target: Target): void {
    this.host.record.put(this.entry("intended", target));
  }

  /** Records an entry that refers to something else as one to be cleaned away, and gives one that refers to this. */
  claim<T extends Target>(target: T): (Entry & { readonly target: T }) | undefined {
    const { recorded } = this;
    if (recorded === undefined || sameTarget(recorded.target, target)) return recorded as Entry & { target: T };
    this.host.record.setAside(recorded);
    return undefined;
  }

  entry(status: Entry["status"], target: Target, fingerprint?: string): Omit<Entry, "sequence"> {
    const { urn, type, name, dependencies, parent, deletedWith, protect, retainOnDelete } = this.registration;
    return {
      ...{ urn, type, name, layer: this.item.layer, status, fingerprint },
      ...{ dependencies, parent, provider: this.provider, deletedWith },
      ...(protect && { protect }),
      ...(retainOnDelete && { retainOnDelete }),
      target,
    };
  }

  /** Milliseconds its `customTimeouts` give to a step. */
  timeout(step: "create" | "update"): number | undefined {
    const given = this.registration.customTimeouts?.[step];
    return given === undefined ? undefined : milliseconds(given);
  }

  readonly progress = (text: string): void => this.host.observer.progressed(this.item, text);
}

/** Whether two records name the same thing outside. */
export function sameTarget(a: Target, b: Target): boolean {
  if (a.kind === "object" && b.kind === "object") {
    const group = ({ apiVersion }: { readonly apiVersion: string }) => apiVersion.replace(/\/?v[^/]*$/, "");
    // A namespace left out is filled in by the API server, so it is not another one.
    const sameNamespace = a.namespace === b.namespace || a.namespace === undefined || b.namespace === undefined;
    return group(a) === group(b) && a.objectKind === b.objectKind && a.name === b.name && sameNamespace;
  }
  return a.kind === "release" && b.kind === "release" && a.name === b.name && a.namespace === b.namespace;
}
