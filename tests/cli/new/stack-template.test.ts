import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { format, resolveConfig } from "prettier";
import { readStack } from "../../../components/validation/stack";
import { type Answers, type Question, type QuestionKey, questions } from "../../../cli/new/questions";
import { nextSteps, stackTemplate } from "../../../cli/new/stack-template";
import { projectRoot } from "../../support/program";

/** Answers to the questions without choices. */
const typed: Answers = {
  endpoint: "https://10.0.0.10:6443",
  controlPlanes: "cp-1=10.0.0.11,cp-2=10.0.0.12,cp-3=10.0.0.13",
  workers: "worker-1=10.0.0.21",
  installDisk: "/dev/nvme0n1",
  kubeconfig: "~/.kube/config",
  service: "shop/front:8080",
  addresses: "10.0.0.100-10.0.0.120",
  host: "shop.example.com",
};

/** Every way to answer the questions; of a StorageClass, with one and without. */
function* combinations(
  [first, ...rest] = Object.entries(questions) as [QuestionKey, Question][],
  given: Answers = {},
): Iterable<Answers> {
  if (first === undefined) {
    yield given;
    return;
  }
  const [key, { applies, choices }] = first;
  const values = key === "storageClass" ? ["none", "fast"] : (choices?.(given).map(([value]) => value) ?? [typed[key]]);
  if (applies?.(given) === false) yield* combinations(rest, given);
  else for (const value of values) yield* combinations(rest, { ...given, [key]: value });
}

describe("the stack file of npm run new", () => {
  const configFile = path.join(projectRoot, "Pulumi.some.yaml");
  const template = (answers: Answers) => stackTemplate({ stack: "some", configFile, projectRoot }, answers);
  const all = [...combinations()];

  it("is accepted, whatever is answered", function () {
    this.timeout(300_000);
    assert.ok(all.length > 500, `${all.length} combinations`);
    const refused = all.flatMap((answers) => {
      try {
        readStack(projectRoot, configFile, { text: template(answers) });
        return [];
      } catch (error) {
        return [`${JSON.stringify(answers)}: ${(error as Error).message}`];
      }
    });
    assert.deepEqual(refused, []);
  });

  it("says in a comment what each section is for", () => {
    for (const answers of all) {
      const lines = template(answers).split("\n");
      const bare = lines.filter((line, at) => line.startsWith("  talos-mesh:") && !lines[at - 1]?.startsWith("  #"));
      assert.deepEqual(bare, []);
    }
  });

  it("names files, headings and commands that exist in its comments", () => {
    const read = (file: string) => readFileSync(path.join(projectRoot, file), "utf8");
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const texts = all
      .map((answers) => [template(answers), ...nextSteps("some", "--stack some", answers)].join("\n"))
      .join("\n");
    const links = [...new Set([...texts.matchAll(/docs\/[\w-]+\.md(?:#[\w-]+)?/g)].map(([link]) => link))];
    assert.ok(links.length > 5, links.join());
    for (const link of links) {
      const [file = "", heading] = link.split("#");
      assert.ok(existsSync(path.join(projectRoot, file)), link);
      const titles = [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
        title.toLowerCase().replaceAll(" ", "-"),
      );
      assert.ok(heading === undefined || titles.includes(heading), link);
    }
    for (const [, script = ""] of texts.matchAll(/npm run ([\w:-]+)/g)) assert.ok(scripts[script], script);
  });

  it("is formatted as npm run format does", async () => {
    const options = { ...(await resolveConfig(configFile)), filepath: configFile };
    const some = all.filter((_, index) => index % 7 === 0);
    for (const text of new Set(some.map(template))) assert.equal(await format(text, options), text);
  });

  it("has lines that a screen shows whole", () => {
    const long = all.flatMap((answers) => template(answers).split("\n")).filter((line) => line.length > 130);
    assert.deepEqual([...new Set(long)], []);
  });
});
