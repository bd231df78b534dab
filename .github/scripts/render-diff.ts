import { gitDiff } from "./git-diff";
import { renderReport } from "./render-report";
import { readRenderedStacks } from "./rendered";

/** Prints, as Markdown, what differs between two folders of render-stacks.sh. Usage: render-diff.ts BASE HEAD */
export function main([base, head]: readonly string[]): string {
  if (base === undefined || head === undefined) throw new Error("usage: render-diff.ts BASE HEAD");
  return renderReport(readRenderedStacks(base), readRenderedStacks(head), gitDiff);
}

if (require.main === module) console.log(main(process.argv.slice(2)));
