/** What happened to a resource in a run. */
export type Change = "created" | "updated" | "replaced" | "unchanged" | "deleted";

/** A resource as people are told of it. */
export interface Item {
  /** `cluster`, `platform`, `mesh`, ...: the middle part of its component's type token. */
  readonly layer: string;
  /** Kind and name: `Deployment bookinfo/reviews-v1`. */
  readonly label: string;
}

/** Is told what an engine does, as it does it. */
export interface RunObserver {
  started(item: Item): void;
  /** What is being waited for, or the last line a command wrote. */
  progressed(item: Item, text: string): void;
  finished(item: Item, change: Change): void;
  failed(item: Item, why: string): void;
  /** A sentence that belongs to no single resource. */
  note(text: string): void;
}
