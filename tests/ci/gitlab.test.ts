import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { root, workflows } from "./support";

interface Job {
  readonly extends?: string;
  readonly stage?: string;
  readonly script?: readonly string[];
  readonly before_script?: readonly string[];
  readonly environment?: string;
  readonly resource_group?: string;
  readonly rules?: readonly { readonly if: string; readonly when?: string }[];
  readonly id_tokens?: unknown;
}

const text = readFileSync(path.join(root, ".gitlab-ci.yml"), "utf8");
// GitLab knows merge keys and anchors; this file has anchors only.
const file = parse(text) as Record<string, unknown> & { stages: string[]; variables: Record<string, string> };
const jobs = new Map(
  Object.entries(file).filter((entry): entry is [string, Job] => {
    const [name, value] = entry;
    return !["stages", "workflow", "default", "variables"].includes(name) && typeof value === "object";
  }),
);
const { scripts, dependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
};

/** Calls of the scripts that both use, without what differs: options, variables and folders. */
const calls = (source: string) =>
  new Set([...source.matchAll(/scripts\/ci\/([\w-]+\.(?:ts|sh))/g)].map(([, script = ""]) => script));

describe(".gitlab-ci.yml", () => {
  it("pins images by digest", () => {
    const images = [...text.matchAll(/^ *image: (.*)$/gm)].map(([, image = ""]) => image);
    assert.ok(images.length > 0);
    for (const image of images) assert.match(image, /:[\w.-]+@sha256:[0-9a-f]{64}$/);
  });

  it("installs the CLI of the SDK's own version", () => {
    assert.equal(file.variables["PULUMI_VERSION"], dependencies["@pulumi/pulumi"]);
  });

  it("names scripts, npm scripts, stages and templates that exist", () => {
    for (const script of calls(text)) assert.ok(existsSync(path.join(root, "scripts/ci", script)), script);
    for (const [, script = ""] of text.matchAll(/npm run (?:--silent )?(\w[\w:-]*)/g))
      assert.ok(scripts[script], script);
    for (const [name, { stage, extends: template }] of jobs) {
      if (!name.startsWith(".")) assert.ok(file.stages.includes(stage ?? ""), name);
      if (template !== undefined) assert.ok(jobs.has(template), name);
    }
  });

  it("runs the scripts that the workflows of GitHub run", () => {
    const ofWorkflows = calls(
      workflows()
        .map((workflow) => workflow.text)
        .join("\n"),
    );
    assert.deepEqual([...calls(text)].sort(), [...ofWorkflows].sort());
  });

  it("gives a token of the backend to jobs that use Pulumi, and to no other", () => {
    for (const [name, job] of jobs) {
      const uses = /deploy\.ts|rollback\.ts|deployed-commit\.ts|pulumi-preview\.sh|nightly\.sh|benchmark\.ts/;
      if (!name.startsWith("."))
        assert.equal(job.extends === ".pulumi", uses.test((job.script ?? []).join("\n")), name);
    }
    assert.deepEqual(
      [...jobs].filter(([, job]) => job.id_tokens !== undefined).map(([name]) => name),
      [".pulumi"],
    );
  });

  it("deploys from the default branch only, one after the other, and to production by hand", () => {
    const deployments = [...jobs].filter(([, { environment }]) => environment !== undefined);
    assert.deepEqual(
      deployments.map(([name]) => name),
      ["staging", "production"],
    );
    for (const [name, { environment, resource_group, rules = [] }] of deployments) {
      assert.equal(resource_group, environment, name);
      assert.equal(rules.length, 1);
      assert.match(rules[0]?.if ?? "", /\$CI_COMMIT_BRANCH == \$CI_DEFAULT_BRANCH && \$DEPLOY == "true"$/);
    }
    assert.equal(jobs.get("production")?.rules?.[0]?.when, "manual");
  });

  it("rolls production back where a deployment fails, and fails all the same", () => {
    const script = jobs.get("production")?.script?.join("\n") ?? "";
    assert.match(script, /deploy\.ts production .*\|\| \{\n.*rollback\.ts production\n *exit 1\n *\}/);
  });

  it("runs nothing of a fork with a token", () => {
    for (const [name, { extends: template, rules = [] }] of jobs) {
      if (template !== ".pulumi") continue;
      for (const { if: condition } of rules) {
        const isForTheProject = /SOURCE_PROJECT_ID == \$CI_PROJECT_ID|"schedule"|DEFAULT_BRANCH/.test(condition);
        assert.ok(isForTheProject, `${name}: ${condition}`);
      }
    }
  });
});
