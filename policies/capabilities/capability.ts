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
}

export type Capabilities = Readonly<Record<string, Capability>>;
