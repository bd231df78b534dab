import assert from "node:assert/strict";
import { problemsOf } from "./plans";

const empty = "found nothing; give it a value, or remove it";

/** A patch, and what is wrong with it. */
const refused: readonly (readonly [patch: unknown, ...problems: readonly string[]])[] = [
  [{ machine: { sysctl: { a: "1" } } }, "machine.sysctl: unknown key; did you mean sysctls?"],
  ["cluster: { proxi: { disabled: true } }", "cluster.proxi: unknown key; did you mean proxy?"],
  [{ machin: {} }, "machin: unknown key; did you mean machine?"],
  [{ constructor: {} }, "constructor: unknown key; known: version, debug, persist, machine, cluster"],
  [{ machine: [] }, "machine: expected a mapping"],
  ["machine: yes", "machine: expected a mapping"],
  [
    { machine: { files: [null], certSANs: ["a", null] } },
    `machine.certSANs[1]: ${empty}`,
    `machine.files[0]: ${empty}`,
  ],
  [
    { machine: { network: { interfaces: [{ addresses: [null] }] } } },
    `machine.network.interfaces[0].addresses[0]: ${empty}`,
  ],
  ["kind: UserVolumeConfig\nname: data\n", "UserVolumeConfig: apiVersion is missing; expected v1alpha1"],
  [[{ op: "add", path: "/machine/sysctl", value: {} }], "machine.sysctl: unknown key; did you mean sysctls?"],
  [
    "machine: { sysctl: {} }\n---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoints: [null]\n",
    "machine.sysctl: unknown key; did you mean sysctls?",
    `endpoints[0]: ${empty}`,
  ],
];

const accepted = [
  {},
  { machine: null },
  "machine:\n",
  { version: "v1alpha1", debug: false, persist: true, machine: { env: null }, cluster: { etcd: {} } },
  { machine: { env: { $patch: "delete" } } },
  [],
];

describe("the keys of a patch", () => {
  for (const [patch, ...problems] of refused) {
    it(`are refused where Talos has none of them: ${JSON.stringify(patch)}`, () => {
      const expected = problems.map((problem) => `talos-mesh:cluster.patches[0]: ${problem}`);
      for (const release of ["v1.7", "v1.12"] as const)
        assert.deepEqual(problemsOf(release, { patches: [patch] }), expected);
    });
  }

  it("may be null, deleted, or absent", () => {
    assert.deepEqual(problemsOf("v1.12", { patches: accepted }), []);
  });
});
