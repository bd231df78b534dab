import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import ts from "typescript";
import { parse } from "yaml";
import { productionFiles } from "../../scripts/check/files";
import { validate } from "../../components/validation/validate";
import { root } from "./support";

interface PackageJson {
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

const packageJson = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as PackageJson;
const documents = [...readdirSync(root), ...readdirSync(path.join(root, "docs")).map((file) => `docs/${file}`)].filter(
  (file) => file.endsWith(".md"),
);

const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const withoutCode = (text: string) => text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");

/** What GitHub makes of a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .trim()
    .replace(/\s/g, "-");

/** First parts of paths that are this project's own. */
const ours = new Set(readdirSync(root).filter((name) => name !== "node_modules" && name !== ".talos-mesh"));

for (const file of documents) {
  describe(file, () => {
    const text = read(file);

    it("names npm scripts that exist", () => {
      for (const [, script = ""] of text.matchAll(/npm run (\w[\w:-]*)/g))
        assert.ok(packageJson.scripts[script], script);
    });

    it("links to files and headings that exist", () => {
      for (const [, link = ""] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(link)) continue;
        const [target = "", heading] = link.split("#");
        const linked = target === "" ? file : path.join(path.dirname(file), target);
        assert.ok(existsSync(path.join(root, linked)), link);
        const headings = [...read(linked).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => anchor(title));
        if (heading !== undefined) assert.ok(headings.includes(heading), link);
      }
    });

    it("names files of the project that exist", () => {
      for (const [, name = ""] of text.matchAll(/`([\w.@-]+(?:\/[\w.@-]*)*)`/g)) {
        const [first = ""] = name.split("/");
        const looksLikeOurs = ours.has(first) || /^[\w.-]+\.(ts|cjs|mjs|md|json)$/.test(name);
        // A single word such as `policies` is a layer's name as often as a folder's.
        if (looksLikeOurs && /[./]/.test(name)) assert.ok(existsSync(path.join(root, name)), name);
      }
    });

    it("shows stack files that are accepted", () => {
      for (const [, block = ""] of text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)) {
        const stackFile = parse(block) as { config?: Record<string, unknown> } | null;
        if (!stackFile?.config) continue;
        const sections = Object.fromEntries(
          Object.entries(stackFile.config).map(([key, value]) => [key.replace("talos-mesh:", ""), value]),
        );
        validate(sections, { secretNames: [], file });
      }
    });
  });
}

describe("docs/dependencies.md", () => {
  const [, runTime = "", development = ""] = read("docs/dependencies.md").split(/^## .*$/m);
  const listed = (section: string) => [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);

  it("lists the dependencies of package.json, each once", () => {
    assert.deepEqual(listed(runTime), Object.keys(packageJson.dependencies));
  });

  it("lists the development dependencies of package.json, each once", () => {
    assert.deepEqual(listed(development), Object.keys(packageJson.devDependencies));
  });

  it("lists as run time what the program loads, so that it runs without development dependencies", () => {
    // Lint, checks, tests and the policy pack are of development.
    const files = productionFiles(root).filter(
      (file) => !/^(scripts\/|\.github\/|policies\/guardrails\/pack\.ts$)/.test(file),
    );
    const loaded = files.flatMap((file) => {
      const code = ts.transpileModule(read(file), { compilerOptions: { module: ts.ModuleKind.CommonJS } }).outputText;
      return [...code.matchAll(/\b(?:require|import)\("([^".][^"]*)"\)/g)].map(([, name = ""]) => name);
    });
    const packages = loaded
      .filter((name) => !isBuiltin(name))
      .map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
    assert.ok(packages.includes("yaml"));
    assert.deepEqual(
      [...new Set(packages)].filter((name) => !Object.hasOwn(packageJson.dependencies, name)),
      [],
    );
  });
});

describe("docs/ci.md", () => {
  it("describes every workflow", () => {
    const described = [...read("docs/ci.md").matchAll(/^\| `\.github\/workflows\/([\w-]+\.yml)`/gm)].map(
      ([, name]) => name,
    );
    assert.deepEqual(described.sort(), readdirSync(path.join(root, ".github/workflows")).sort());
  });
});

describe("docs/stack-file.md", () => {
  it("has examples that the test above reads", () => {
    assert.ok([...read("docs/stack-file.md").matchAll(/^ {2}talos-mesh:environment:/gm)].length >= 4);
  });
});
