import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import ts from "typescript";
import { parseAllDocuments } from "yaml";
import Ajv from "ajv";
import { type Command, parseCommandLine } from "../../cli/command";
import { stackFileSchema } from "../../components/settings/json-schema";
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

const commandLine = /npm run ([\w:-]+)(?: -- ([^#\n]*))?|npm start(?: -- ([^#\n]*))?/g;

/** By the name of the npm script. */
const commands = new Map(
  ["cli/commands", "scripts"].flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => {
        const { command } = require(path.join(root, folder, name)) as { readonly command?: Command }; // eslint-disable-line @typescript-eslint/no-require-imports -- by name
        return command ? [[command.name, command] as const] : [];
      }),
  ),
);

/** Checks a stack file of which parts may be left out: what is there must exist, and have its type. */
const isPart = new Ajv({ strict: false, allowUnionTypes: true, logger: false }).compile(
  JSON.parse(JSON.stringify(stackFileSchema()), (key, value: unknown) => {
    if (key === "required" && Array.isArray(value)) return undefined;
    return isRecord(value) && "oneOf" in value ? { ...value, oneOf: undefined, anyOf: value.oneOf } : value;
  }) as object,
);

function documentsIn(block: string): Record<string, unknown>[] {
  const text = block.replaceAll("sha256:...", `sha256:${"0".repeat(64)}`);
  return parseAllDocuments(text).flatMap((document) => {
    const value: unknown = document.toJS();
    return isRecord(value) ? [value] : [];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

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

    it("shows command lines that their commands accept", () => {
      const code = [...text.matchAll(/^```sh\n([\s\S]*?)^```|`([^`\n]*)`/gm)].map(
        ([, block, inline]) => block ?? inline ?? "",
      );
      for (const [line, script = "", typed = ""] of code.flatMap((one) => [...one.matchAll(commandLine)])) {
        const found = commands.get(script);
        // The synopsis of a command is no command line.
        if (!found || typed === "" || /\.\.\.|[[|]/.test(typed)) continue;
        const argv = [...typed.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
        try {
          parseCommandLine(found, argv);
        } catch (error) {
          // A sentence names the options that it is about, and not all that are needed.
          if (!/missing|required|not specified/.test(String(error))) assert.fail(`${line.trim()}: ${String(error)}`);
        }
      }
    });

    it("shows parts of stack files whose fields exist", () => {
      for (const [, block = ""] of text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)) {
        for (const part of documentsIn(block)) {
          if (!Object.keys(part).some((key) => key.startsWith("talos-mesh:"))) continue;
          assert.ok(isPart({ config: part }), `${block}\n${JSON.stringify(isPart.errors, undefined, 1)}`);
        }
      }
    });

    it("shows stack files that are accepted", () => {
      for (const [, block = ""] of text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)) {
        for (const { config } of documentsIn(block)) {
          if (!isRecord(config)) continue;
          const sections = Object.fromEntries(
            Object.entries(config).map(([key, value]) => [key.replace("talos-mesh:", ""), value]),
          );
          validate(sections, { secretNames: [], file });
        }
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
