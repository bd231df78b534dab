import { markdownTable } from "../../components/shared/markdown";
import externalServices from "./external-services.json";
import proxies from "./proxies.json";
import security from "./security.json";
import telemetry from "./telemetry.json";
import traffic from "./traffic.json";

/** Native to the data plane, converted to another form with the same effect, or refused. */
type Support =
  { readonly native: string } | { readonly converted: string } | { readonly refused: string; readonly instead: string };

export interface Capability {
  readonly title: string;
  /** Its path in the settings, or several after commas; `*` is every key of a mapping and every entry of a list. */
  readonly setting: string;
  /** The first release of Istio whose API has it, such as `1.26`. @default every supported release */
  readonly since?: string;
  /** The value of the setting that `since` is about. @default any */
  readonly value?: string;
  readonly sidecar: Support;
  readonly ambient: Support;
  /** Data planes in which its effect was measured with real traffic. */
  readonly seen?: readonly string[];
}

/**
 * What each capability becomes in each data plane, and what is refused there and why. Validation takes its refusals from
 * this table, docs/policies-data-planes.md is generated from it, and tests/policies/examples.ts has a model for each row.
 */
export const capabilities = {
  ...traffic,
  ...externalServices,
  ...security,
  ...telemetry,
  ...proxies,
} satisfies Readonly<Record<string, Capability>>;

export type CapabilityName = keyof typeof capabilities;

/** Capabilities that the ambient data plane does not have in any form. */
export type RefusedInAmbient = {
  [Name in CapabilityName]: (typeof capabilities)[Name]["ambient"] extends { readonly refused: string } ? Name : never;
}[CapabilityName];

export function ambientRefusal(capability: RefusedInAmbient): string {
  const { refused, instead } = capabilities[capability].ambient;
  return `not in the ambient data plane: ${refused}; instead: ${instead}`;
}

export function capabilityPage(): string {
  const all: readonly Capability[] = Object.values(capabilities);
  const rows = all.map(({ title, setting, sidecar, ambient, since, seen }) => [
    since === undefined ? title : `${title} (Istio ${since} and newer)`,
    `\`${setting}\``,
    supportText(sidecar),
    supportText(ambient),
    seen?.join(", ") ?? "-",
  ]);
  return `# What each policy becomes in each data plane

Generated from \`policies/capabilities/\` by \`npm run policies -- table\`; validation takes its refusals from the same
table, and each row has a test. _Converted_: in another form, with the same effect. _Refused_: with this reason, before
anything is deployed. _Measured_: its effect was measured with real traffic, and what it must block was blocked, with
Istio 1.31.1 and upstream Envoy 1.40, without Istio's own filters; \`-\`: only the API server and istiod have accepted it
so far. Settings are explained in [the stack file](stack-file.md).

${markdownTable(["Capability", "Setting", "Sidecar", "Ambient", "Measured"], rows).join("\n")}
`;
}

function supportText(support: Support): string {
  if ("native" in support) return support.native;
  if ("converted" in support) return `_converted:_ ${support.converted}`;
  return `**refused:** ${support.refused}. Instead: ${support.instead}`;
}
