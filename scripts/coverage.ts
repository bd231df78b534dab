import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { declare, filePath } from "../cli/command";
import { readCorpus } from "./coverage/corpus";
import { digestsFile, readFragments, titleOf } from "./coverage/fragments";
import { compareAll, coveragePage, summaryOf } from "./coverage/report";

const docsFolders = ["tasks", "ops", "setup", "examples", "concepts", "ambient"].map((folder) =>
  path.join("content/en/docs", folder),
);

export const command = declare({
  name: "coverage",
  summary: "compare settings with Istio's samples and documentation by what they mean",
  options: {
    istio: { value: "folder", text: "clone of istio/istio", required: true, parse: filePath },
    docs: { value: "folder", text: "clone of istio/istio.io", required: true, parse: filePath },
    show: { value: "source", text: "print the difference of a source, such as samples/httpbin/httpbin-gateway.yaml" },
    update: { text: "write docs/coverage.md, and tests/fixtures/coverage/digests.json" },
  },
  exitCodes: { 1: "refused, something failed, or settings differ from their manifests" },
  run({ istio, docs, show, update }) {
    const blocks = [...readCorpus(istio, ["samples"]), ...readCorpus(docs, docsFolders)];
    const fragments = readFragments();
    const report = compareAll(blocks, fragments);
    const wrong = report.comparisons.filter(
      (one) => one.fragment.settings && (one.class ?? "different") === "different",
    );
    const shown = report.comparisons.filter(({ fragment }) => show !== undefined && fragment.of.includes(show));
    for (const { fragment, class: found = "refused", differences } of new Set([...wrong, ...shown])) {
      console.log([`${titleOf(fragment)}: ${found}`, ...differences.map((line) => `  ${line.trim()}`)].join("\n"));
    }
    for (const source of report.missing) console.log(`${source}: is not in the clones, or has no manifest`);
    console.log(summaryOf(report));
    if (update) {
      const corpora = [`istio/istio (${commitOf(istio)})`, `istio/istio.io (${commitOf(docs)})`];
      writeFileSync(path.resolve(__dirname, "../docs/coverage.md"), coveragePage(report, corpora));
      const digests = report.comparisons.flatMap(({ fragment, digest }) =>
        digest ? [[titleOf(fragment), digest]] : [],
      );
      writeFileSync(digestsFile, `${JSON.stringify(Object.fromEntries(digests), null, 2)}\n`);
    }
    return wrong.length === 0 && report.missing.length === 0 ? 0 : 1;
  },
});

function commitOf(folder: string): string {
  return execFileSync("git", ["-C", folder, "log", "-1", "--format=%h, %cs"], { encoding: "utf8" }).trim();
}
