import type { DataPlane } from "../../components/model/data-planes";

/** The proxy with which effects were measured. */
export const seenOn = "Istio 1.31.1 and upstream Envoy 1.40, without Istio's own filters";

/** Native to the data plane, converted to another form with the same effect, or refused. */
export type Support =
  { readonly native: string } | { readonly converted: string } | { readonly refused: string; readonly instead: string };

export interface Capability {
  readonly title: string;
  /** Its path in the settings; `*` is every key of a mapping and every entry of a list. */
  readonly setting: string;
  readonly sidecar: Support;
  readonly ambient: Support;
  /** The first release of Istio whose API has it, such as `1.26`. @default every supported release */
  readonly since?: string;
  /** Data planes in which its effect was measured with real traffic (`seenOn`). */
  readonly seen?: readonly DataPlane[];
}

export type Capabilities = Readonly<Record<string, Capability>>;

/** Seen in both data planes. */
export const both = ["sidecar", "ambient"] as const;

export function native(how: string) {
  return { native: how };
}

export function converted(how: string) {
  return { converted: how };
}

export function refused(reason: string, instead: string) {
  return { refused: reason, instead };
}
