import type { Entry, ObjectTarget } from "./record";

/** One deletion, and the URNs that must be gone first. */
export interface Step {
  readonly entry: Entry;
  readonly after: readonly string[];
}

/**
 * The order in which entries are taken down: the latest first, and nothing before all that needs it. Every step's
 * `after` names earlier steps only.
 */
export function teardownOrder(entries: readonly Entry[]): Step[] {
  const byUrn = new Map(entries.map((entry) => [entry.urn, entry]));
  const users = new Map<string, Set<string>>();
  for (const entry of entries) {
    for (const needed of needsOf(entry, entries)) {
      if (needed === entry.urn || !byUrn.has(needed)) continue;
      users.set(needed, (users.get(needed) ?? new Set()).add(entry.urn));
    }
  }
  const steps: Step[] = [];
  const begun = new Set<string>();
  const done = new Set<string>();
  const visit = (entry: Entry): void => {
    if (begun.has(entry.urn)) return;
    begun.add(entry.urn);
    const first = latestFirst([...(users.get(entry.urn) ?? [])].flatMap((urn) => byUrn.get(urn) ?? []));
    first.forEach(visit);
    // A user that is not done here needs this one and is needed by it; then the order of completion decides.
    steps.push({ entry, after: first.map(({ urn }) => urn).filter((urn) => done.has(urn)) });
    done.add(entry.urn);
  };
  latestFirst(entries).forEach(visit);
  return steps;
}

/** URNs that must outlive an entry: what it was declared to need, its provider, its cluster, its namespace, its kind. */
function needsOf(entry: Entry, entries: readonly Entry[]): string[] {
  const declared = [...entry.dependencies, entry.provider, entry.deletedWith].filter((urn) => urn !== undefined);
  const { target } = entry;
  if (target.kind !== "object" && target.kind !== "release") return declared;
  const homes = entries.filter(
    (other) => other.target.kind === "object" && other.provider === entry.provider && isHome(other.target, target),
  );
  return [...declared, ...homes.map(({ urn }) => urn)];
}

function isHome(home: ObjectTarget, target: { readonly namespace?: string }): boolean {
  if (home.objectKind === "Namespace" && home.apiVersion === "v1") return home.name === target.namespace;
  if (home.objectKind !== "CustomResourceDefinition" || !("objectKind" in target)) return false;
  const { apiVersion, objectKind } = target as ObjectTarget;
  const [group] = apiVersion.split("/");
  // A definition is named plural.group; the plural of a kind begins with most of its singular.
  const stem = objectKind.toLowerCase().slice(0, -1);
  return home.name.endsWith(`.${group}`) && home.name.startsWith(stem);
}

function latestFirst(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => b.sequence - a.sequence);
}
