import type { ScenarioState } from "../report/report";
import type { KeptSetup } from "./journal";
import { isCount } from "./mesh-facts";

/**
 * What is not as it was when earlier runs were made, in words, of what decides the figures: runs of before and after do not
 * belong together. How much there is in the cluster is no setting, and may differ.
 */
export function changesBetween(before: KeptSetup, now: KeptSetup): string[] {
  const things = [
    ["revision", [before.revision ?? "default"], [now.revision ?? "default"]],
    ["Kubernetes", [before.environment.kubernetes], [now.environment.kubernetes]],
    ["Istio", [before.environment.istio], [now.environment.istio]],
    ["mesh", settings(before), settings(now)],
    ["proxies", ...proxiesOfBoth(before.scenarios, now.scenarios)],
  ] as const;
  return [...things.flatMap(([what, a, b]) => change(what, a, b)), ...changedImages(before, now)];
}

function change(what: string, before: readonly string[], now: readonly string[]): string[] {
  const gone = before.filter((each) => !now.includes(each));
  const come = now.filter((each) => !before.includes(each));
  if (gone.length + come.length === 0) return [];
  return [`${what}: ${gone.join(", ") || "nothing"} became ${come.join(", ") || "nothing"}`];
}

function settings({ environment }: KeptSetup): string[] {
  return (environment.mesh ?? []).filter((line) => !isCount(line));
}

/** Of scenarios that were measured then and are now. */
function proxiesOfBoth(before: readonly ScenarioState[], now: readonly ScenarioState[]): [string[], string[]] {
  const both = before.filter((each) =>
    [each, now.find(({ scenario }) => scenario === each.scenario)].every((one) => one?.state === "measured"),
  );
  const of = (states: readonly ScenarioState[]) =>
    states
      .filter(({ scenario }) => both.some((each) => each.scenario === scenario))
      .flatMap(({ scenario, proxies = [] }) => proxies.map((line) => `${scenario}: ${line}`));
  return [of(before), of(now)];
}

/** A scenario that was not there, or is not any more, has images of its own. */
function changedImages({ environment: { images: before } }: KeptSetup, { environment: { images: now } }: KeptSetup) {
  const within = (some: readonly string[], all: readonly string[]) => some.every((each) => all.includes(each));
  return within(before, now) || within(now, before) ? [] : change("images", before, now);
}
