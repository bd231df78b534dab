import type { DataPlane } from "../../components/model/data-planes";

/** The mesh on which effects were seen. */
export const seenOn = "Istio 1.31.1 with Envoy 1.40 as it comes, without Istio's own filters";

/** Done by the data plane's own means, said in another form with the same effect, or refused. */
export type Support =
  { readonly native: string } | { readonly converted: string } | { readonly refused: string; readonly instead: string };

export interface Capability {
  readonly title: string;
  /** Where it stands in the settings; `*` is every key of a map and every entry of a list. */
  readonly setting: string;
  readonly sidecar: Support;
  readonly ambient: Support;
  /** Istio release whose API has it first, as `1.26`; without it, every release that is supported here. */
  readonly since?: string;
  /** Data planes in which its effect was seen with real traffic (`seenOn`). */
  readonly seen?: readonly DataPlane[];
}

export type Capabilities = Readonly<Record<string, Capability>>;
