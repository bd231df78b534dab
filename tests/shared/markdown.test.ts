import assert from "node:assert/strict";
import { markdownTable, markdownText } from "../../components/shared/markdown";

describe("text in Markdown", () => {
  it("has no effect of its own: no image, link, mention, reference, HTML, code or second line", () => {
    const texts = new Map([
      ["![x](https://evil.example/p.png)", "!\\[x](https:&#8203;//evil.example/p.png)"],
      ["ask @octo-org/all, see #1 or GH-2", "ask @&#8203;octo-org/all, see #&#8203;1 or GH&#8203;-2"],
      ["<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"],
      ["`code` **b** _i_ a_b ~~s~~ $x$", "\\`code\\` \\*\\*b\\*\\* \\_i\\_ a_b \\~\\~s\\~\\~ &#36;x&#36;"],
      ["a\r\n# heading\n| cell |", "a # heading \\| cell \\|"],
      ["&lt; \\| www.evil.example", "&amp;lt; \\\\\\| www&#8203;.evil.example"],
    ]);
    for (const [text, shown] of texts) assert.equal(markdownText(text), shown);
  });

  it("stays in its cell", () => {
    assert.deepEqual(markdownTable(["A"], [["a | b\nc"]]), ["| A |", "| --- |", "| a \\| b c |"]);
  });
});
