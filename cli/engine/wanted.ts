import { readStackConfig } from "../../embedded/program/stack-file";
import { runUnmade } from "../render/render";
import { labelOf, layerOf } from "../../embedded/engine/naming";
import type { EngineRun, Item } from "./engine";

/** A resource that the stack file asks for. */
export interface Wanted extends Item {
  readonly urn: string;
}

type Asked = Pick<EngineRun, "projectRoot" | "stack" | "configFile">;

/**
 * Everything a stack consists of, by the URNs that both engines give.
 *
 * @throws what the program throws on bad settings
 */
export async function wantedOf({ projectRoot, stack, configFile }: Asked): Promise<Wanted[]> {
  const { registrations } = await runUnmade({ projectRoot, stack, configFile, skipUnbuilt: false });
  return registrations
    .filter(({ custom, type }) => custom && !type.startsWith("pulumi:providers:"))
    .map(({ urn, type, name, inputs }) => ({ urn, layer: layerOf(urn), label: labelOf({ type, name }, inputs) }));
}

/** `dev`, `staging` or `production`; undefined where the stack file does not say, or cannot be read. */
export function environmentOf({ projectRoot, configFile }: Asked): string | undefined {
  try {
    return readStackConfig(projectRoot, configFile, (name) => name).values["talos-mesh:environment"];
  } catch {
    return undefined;
  }
}
