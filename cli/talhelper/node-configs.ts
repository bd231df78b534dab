import { isDeepStrictEqual } from "node:util";
import { isTree } from "../../components/shared/merge";
import type { NodeConfigs, Talconfig, TalconfigNode } from "./talconfig";

export type Role = "controlPlane" | "worker";

/** What a node has of its own and from its group. Source: talhelper, pkg/config/nodeconfigs.go. */
export interface MergedNode {
  readonly role: Role;
  /** Path of the node in the talconfig. */
  readonly at: string;
  readonly configs: NodeConfigs;
  /** Path in the talconfig of what the node uses: its own or its group's. */
  readonly atOf: (key: keyof NodeConfigs) => string;
}

/** A value of the node replaces that of its group, whatever it has. */
export function mergedNode(talconfig: Talconfig, node: TalconfigNode, at: string): MergedNode {
  const role = node.controlPlane ? "controlPlane" : "worker";
  const group: NodeConfigs = talconfig[role] ?? {};
  const isOwn = (key: keyof NodeConfigs) => !isZero(key, node[key]);
  const own = Object.entries(node).filter(([key, value]) => !isZero(key, value));
  return {
    role,
    at,
    configs: { ...group, ...Object.fromEntries(own) },
    atOf: (key) => `${isOwn(key) ? at : role}.${key}`,
  };
}

/** As in Go: an empty list or mapping that is written down is not zero; a struct is, where all its fields are. */
function isZero(key: string, value: unknown): boolean {
  if (key === "machineSpec" && isTree(value)) return Object.values(value).every((field) => isZero("", field));
  return value === undefined || value === "" || value === false;
}

/** Whether entries of the group are joined to those of the node: an override counts only where the node has a list of its own. */
export function isJoined(list: readonly unknown[] | undefined, override: boolean | undefined): boolean {
  return list === undefined || override !== true;
}

/** An entry of a list that a node uses; `from` is where the talconfig has it. */
export interface Sourced<Value> {
  readonly from: "cluster" | "group" | "node";
  readonly value: Value;
}

/**
 * The longest beginning that the lists of all nodes share, and that can be written in one place: an entry goes up no further
 * than to where it comes from.
 */
export function shared<Value>(
  lists: readonly (readonly Sourced<Value>[])[],
  allowed: readonly Sourced<Value>["from"][],
): Value[] {
  const [first = [], ...others] = lists;
  const end = first.findIndex(
    ({ from, value }, index) =>
      !allowed.includes(from) || others.some((list) => !isDeepStrictEqual(list[index]?.value, value)),
  );
  return first.slice(0, end === -1 ? first.length : end).map(({ value }) => value);
}
