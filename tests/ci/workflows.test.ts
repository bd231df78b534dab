import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { root, type Step, type Workflow, workflows } from "./support";

const packageJson = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
};
const actions = readdirSync(path.join(root, ".github/actions")).map((name) => {
  const text = readFileSync(path.join(root, ".github/actions", name, "action.yml"), "utf8");
  return { name, text, steps: (parse(text) as { runs: { steps: Step[] } }).runs.steps };
});
const names = new Set(workflows().map(({ workflow }) => workflow.name));

const steps = ({ jobs }: Workflow) => Object.values(jobs).flatMap((job) => job.steps ?? []);
const pinned = /^\s*(?:- )?uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;

function assertPinned(text: string): void {
  for (const line of text.split("\n").filter((candidate) => /^\s*(- )?uses:/.test(candidate))) {
    if (!/uses: \.\//.test(line)) assert.match(line, pinned);
  }
}

for (const { name, text, steps: own } of actions) {
  describe(`the action ${name}`, () => {
    it("pins what it uses by commit", () => {
      assertPinned(text);
      assert.ok(own.length > 1);
    });

    it("installs the CLI of the SDK's own version", () => assertCliVersion(text));
  });
}

function assertCliVersion(text: string): void {
  for (const [, version = ""] of text.matchAll(/pulumi-version: (\S+)/g)) {
    assert.equal(version, packageJson.dependencies["@pulumi/pulumi"]);
  }
}

describe("all workflows", () => {
  it("use the same commit of an action for the same version", () => {
    const pins = new Map<string, string>();
    for (const { text } of [...actions, ...workflows()]) {
      for (const [, action = "", pin = ""] of text.matchAll(/uses: ([\w.-]+\/[\w.-]+)@(.*)$/gm)) {
        assert.equal(pin, pins.get(action) ?? pin, action);
        pins.set(action, pin);
      }
    }
    assert.ok(pins.size >= 7);
  });
});

for (const { file, text, workflow } of workflows()) {
  describe(file, () => {
    it("pins every action by commit, with its version in a comment", () => {
      assertPinned(text);
    });

    it("grants nothing by default, and every job what it needs", () => {
      assert.deepEqual(workflow.permissions, {});
      for (const [name, job] of Object.entries(workflow.jobs)) assert.equal(typeof job.permissions, "object", name);
    });

    it("gives every job an end", () => {
      for (const [name, job] of Object.entries(workflow.jobs)) {
        // A job that calls a workflow may have none; the jobs of that workflow do.
        if (job.uses === undefined) assert.equal(typeof job["timeout-minutes"], "number", name);
      }
    });

    it("keeps no token in a checkout", () => {
      const checkouts = steps(workflow).filter(({ uses }) => uses?.startsWith("actions/checkout@"));
      for (const checkout of checkouts) assert.equal(checkout.with?.["persist-credentials"], false);
    });

    it("runs no code of a pull request with rights of the project", () => {
      assert.ok(!("pull_request_target" in workflow.on));
      if ("workflow_run" in workflow.on) {
        const refs = steps(workflow).filter(({ uses }) => uses?.startsWith("actions/checkout@"));
        for (const { with: input } of refs)
          assert.equal(input?.["ref"], "${{ github.event.repository.default_branch }}");
      }
      if ("pull_request" in workflow.on) {
        for (const [name, { permissions, if: condition }] of Object.entries(workflow.jobs)) {
          const { "id-token": token, ...others } = permissions as Record<string, string>;
          assert.deepEqual(others, { contents: "read" }, name);
          // A fork gets no token of the backend; GitHub refuses it as well.
          if (token !== undefined) assert.match(condition ?? "", /head\.repo\.full_name == github\.repository/);
        }
      }
    });

    it("puts no value that others choose into a script's text", () => {
      for (const { run = "" } of steps(workflow)) {
        for (const [expression] of run.matchAll(/\$\{\{.*?\}\}/g))
          assert.match(expression, /^\$\{\{ matrix\.\w+ \}\}$/);
      }
    });

    it("names scripts, npm scripts, workflows and actions that exist", () => {
      for (const [, script = ""] of text.matchAll(/((?:\.github\/scripts|scripts\/ci)\/[\w.-]+)/g)) {
        assert.ok(existsSync(path.join(root, script)), script);
      }
      for (const [, script = ""] of text.matchAll(/npm run (?:--silent )?(\w[\w:-]*)/g))
        assert.ok(packageJson.scripts[script], script);
      for (const [, place = ""] of text.matchAll(/uses: \.\/(\S+)/g)) {
        assert.ok(existsSync(path.join(root, place, place.endsWith(".yml") ? "" : "action.yml")), place);
      }
      for (const trigger of Object.values(workflow.on)) {
        for (const name of trigger?.workflows ?? []) assert.ok(names.has(name), name);
      }
    });

    it("never breaks a deployment off", () => {
      for (const job of Object.values(workflow.jobs)) {
        if (job.environment === undefined) continue;
        assert.equal((job.concurrency ?? workflow.concurrency)?.["cancel-in-progress"], false);
      }
    });

    it("gives credentials to the step that needs them and to no other", () => {
      for (const [name, job] of Object.entries(workflow.jobs)) {
        const { steps: own = [], ...rest } = job;
        // Whether a secret is there may be asked; its value stays out of the job.
        const asked = JSON.stringify(rest).replaceAll(/secrets\.\w+ != ''/g, "");
        if (rest.uses?.startsWith("./") !== true && /id-token/.test(JSON.stringify(rest.permissions))) {
          assert.ok(
            own.some(({ uses }) => uses === "./.github/actions/pulumi" || /attest/.test(uses ?? "")),
            name,
          );
        }
        assert.doesNotMatch(asked, /secrets\./, name);
        for (const step of own) {
          if (/secrets\.|outputs\.token/.test(JSON.stringify(step))) {
            assert.match(step.run ?? "", /scripts\/ci\//);
          }
        }
      }
    });
  });
}
