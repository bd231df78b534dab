import assert from "node:assert/strict";
import { goYaml } from "../../../../components/cluster/talos/config/go-yaml";

describe("YAML as Go writes it", () => {
  // Each was compared with the output of go.yaml.in/yaml v4.
  const texts: readonly (readonly [text: string, written: string])[] = [
    ["console=ttyS0,115200n8", "console=ttyS0,115200n8"],
    ["a:b#c", "a:b#c"],
    ["nULL", "nULL"],
    ["", '""'],
    ["null", '"null"'],
    ["True", '"True"'],
    ["08", '"08"'],
    ["0x1F", '"0x1F"'],
    ["1e3", '"1e3"'],
    [".5", '".5"'],
    ["2001-01-02", '"2001-01-02"'],
    ["yes", "'yes'"],
    ["No", "'No'"],
    ["1:30", "'1:30'"],
    ["<<", "'<<'"],
    ["a: b", "'a: b'"],
    ["a #b", "'a #b'"],
    ["- a", "'- a'"],
    ["@it's", "'@it''s'"],
    [" a", "' a'"],
    ["a\tb", '"a\\tb"'],
    ["\u{1F600}", '"\\U0001F600"'],
    ["a \nb", '"a \\nb"'],
    ["a\nb\n", "|\n    a\n    b"],
    ["a\nb", "|-\n    a\n    b"],
    [" a\n", "|4\n     a"],
  ];
  for (const [text, written] of texts) {
    it(`writes ${JSON.stringify(text)}`, () => {
      assert.equal(goYaml({ a: text }), `a: ${written}\n`);
    });
  }

  it("indents lists, lists in lists and blocks in lists", () => {
    assert.equal(
      goYaml({ l: ["a\nb", ["x", []]], m: [{ key: 1, value: "a\n" }], empty: {} }),
      "l:\n    - |-\n      a\n      b\n    - - x\n      - []\nm:\n    - key: 1\n      value: |\n        a\nempty: {}\n",
    );
  });
});
