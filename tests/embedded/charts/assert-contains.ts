import assert from "node:assert/strict";

/** What `actual` has at the places that `expected` names; lists are compared whole in length. */
function at(expected: unknown, actual: unknown): unknown {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    return actual.map((item: unknown, index) => (index < expected.length ? at(expected[index], item) : item));
  }
  if (typeof expected !== "object" || expected === null) return actual;
  if (typeof actual !== "object" || actual === null || Array.isArray(actual)) return actual;
  const object = new Map(Object.entries(actual));
  return Object.fromEntries(
    Object.entries(expected)
      .filter(([key]) => object.has(key))
      .map(([key, value]) => [key, at(value, object.get(key))]),
  );
}

/** Passes where `actual` has everything that `expected` says; it may have more fields. */
export function assertContains(actual: object, expected: object): void {
  assert.deepEqual(at(expected, actual), expected);
}
