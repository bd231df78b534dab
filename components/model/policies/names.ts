import type { SettingPath } from "../../shared/problem";
import { entryReaders, ifKnown, unknown, withField } from "../../shared/unknown";
import type { GatewayWorkload, Workload } from "../../shared/workload";
import { type Names, workloadKey } from "../names";
import type { Caller, MeshWorkload } from "./policy-model";

/**
 * Looks up the names of policies. A name that does not exist is unknown (components/shared/unknown.ts): validation
 * reports it, and makes every check that does not depend on it.
 */
export class PolicyNames {
  constructor(readonly names: Names) {}

  /** A workload of the names, with what enforces policies for it. */
  meshWorkload(workload: Workload): MeshWorkload {
    const withDataPlane = withField(workload, "dataPlane", () => this.names.dataPlane(workload.namespace));
    return withField(withDataPlane, "waypoint", () => this.names.waypoint(workload));
  }

  workload(name: string, namespace = this.names.defaultNamespace): MeshWorkload {
    const found = namespace === undefined ? undefined : this.names.findWorkload(namespace, name);
    return found ? this.meshWorkload(found) : unknown();
  }

  /** A workload by `name`, in a namespace, or by `namespace/name`. */
  reference(reference: string, namespace?: string): MeshWorkload {
    const [first = "", second] = reference.split("/");
    return second === undefined ? this.workload(first, namespace) : this.workload(second, first);
  }

  /** A gateway, or a workload as `reference`; validation refuses a name that means both. */
  caller(reference: string, namespace?: string): Caller {
    return this.names.findGateway(reference) ?? this.reference(reference, namespace);
  }

  gateway(name: string): GatewayWorkload {
    return this.names.findGateway(name) ?? unknown();
  }
}

/** The entries of a list that are about one workload, each with its path. */
export interface WorkloadEntries<Entry> {
  readonly workload: MeshWorkload;
  readonly entries: { readonly settings: Entry; readonly path: SettingPath }[];
}

/** Entries by workload, each as a function that reads the group; one is unknown where the workload of an entry is. */
export function byWorkload<Entry>(
  list: () => readonly Entry[],
  path: SettingPath,
  workloadOf: (entry: Entry) => MeshWorkload,
): (() => WorkloadEntries<Entry>)[] {
  const groups = new Map<string, WorkloadEntries<Entry>>();
  let complete = true;
  for (const [index, read] of entryReaders(list).entries()) {
    const workload = ifKnown(() => workloadOf(read()));
    if (!workload) {
      complete = false;
      continue;
    }
    const group = groups.get(workloadKey(workload)) ?? { workload, entries: [] };
    group.entries.push({ settings: read(), path: [...path, index] });
    groups.set(workloadKey(workload), group);
  }
  return [...[...groups.values()].map((group) => () => group), ...(complete ? [] : [unknown])];
}
