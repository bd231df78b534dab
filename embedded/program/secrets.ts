import * as pulumi from "@pulumi/pulumi";
import { isTree } from "../../components/shared/merge";

const { specialSigKey, specialSecretSig, unknownValue } = pulumi.runtime;

interface WrappedSecret {
  readonly [specialSigKey]: typeof specialSecretSig;
  readonly value: unknown;
}

export function isSecret(value: unknown): value is WrappedSecret {
  return isTree(value) && value[specialSigKey] === specialSecretSig;
}

/** Whether the SDK has put this in place of a value that is known only during a deployment. */
export function isUnknown(value: unknown): boolean {
  return value === unknownValue;
}

export function asSecret(value: unknown): WrappedSecret {
  return isSecret(value) ? value : { [specialSigKey]: specialSecretSig, value };
}

/** The plain value, without the wrappers inside it. The result must not be shown or kept. */
export function unwrapSecrets(value: unknown): unknown {
  return mapLeaves(value, (leaf) => leaf);
}

export function redactSecrets(value: unknown): unknown {
  return mapLeaves(value, (leaf, _path, secret) => (secret ? "[secret]" : leaf));
}

type Leaf = string | number | boolean | null | undefined;

/** A copy of plain data with every leaf replaced; `secret` is true for a leaf inside a wrapper. */
export function mapLeaves(
  value: unknown,
  replace: (leaf: Leaf, path: readonly string[], secret: boolean) => unknown,
  path: readonly string[] = [],
  secret = false,
): unknown {
  if (isSecret(value)) return mapLeaves(value.value, replace, path, true);
  if (Array.isArray(value)) {
    return value.map((item, index) => mapLeaves(item, replace, [...path, String(index)], secret));
  }
  if (isTree(value)) {
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, item]) => [key, mapLeaves(item, replace, [...path, key], secret)]));
  }
  return replace(value as Leaf, path, secret);
}

export function someLeaf(value: unknown, test: (leaf: Leaf, secret: boolean) => boolean): boolean {
  let found = false;
  mapLeaves(value, (leaf, _path, secret) => (found ||= test(leaf, secret)));
  return found;
}
