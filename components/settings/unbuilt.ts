import type { Problem } from "./errors";
import type { Settings } from "./schema";

/** A part of the settings that this release can say but not build. */
export type UnbuiltPart = Problem;

/** Parts in use that this release does not build. */
export function unbuiltParts(_settings: Settings): UnbuiltPart[] {
  return [];
}

/** The settings without those parts, and what was left out. */
export function withoutUnbuilt(settings: Settings): { settings: Settings; leftOut: UnbuiltPart[] } {
  return { settings, leftOut: unbuiltParts(settings) };
}
