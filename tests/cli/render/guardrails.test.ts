import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { rendered } from "../../../cli/render/documents";
import { guardrailViolations } from "../../../cli/render/guardrails";
import { stackFileOf } from "../../../cli/stack-option";
import { projectRoot } from "../../support/program";

/** A day on which every exception of the project's own stack files holds. */
const day = "2026-12-01";

describe("guardrails of the project's own stacks", () => {
  for (const stack of ["dev", "article", "laptop", "staging", "platform-staging", "mesh-staging", "production"]) {
    it(`${stack} has no mandatory violation`, async () => {
      const choice = { projectRoot, stack, configFile: stackFileOf(stack) };
      const found = guardrailViolations(choice, await rendered(choice), day);
      assert.deepEqual(
        found
          .filter(({ severity }) => severity === "mandatory")
          .map(({ resource, message }) => `${resource}: ${message}`),
        [],
      );
    });
  }
});

describe("npm run render -- --guardrails", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-guardrails-"))));
  after(() => rmSync(folder, { recursive: true }));

  function render(...args: readonly string[]) {
    const entry = path.join(projectRoot, "cli/bin/talos-mesh.cjs");
    const env = { ...process.env, npm_lifecycle_event: undefined, INIT_CWD: undefined };
    return spawnSync(process.execPath, [entry, "render", ...args], { cwd: projectRoot, env, encoding: "utf8" });
  }

  it("reports what is advisory, and succeeds without writing a file", () => {
    const { status, stdout, stderr } = render("--stack", "dev", "--guardrails");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(
      stdout,
      /^advisory resources-set: .*\n {2}Deployment\/bookinfo\/details-v1: container details has no /,
    );
    assert.match(stdout, /\ndev: 0 mandatory and 6 advisory violations of the guardrails\n$/);
  });

  it("fails with exit code 1 where a mandatory guardrail is violated, after the files are written", () => {
    const fault = {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name: "slow", namespace: "bookinfo" },
      spec: {
        hosts: ["details"],
        http: [
          {
            fault: { delay: { fixedDelay: "5s", percentage: { value: 10 } } },
            route: [{ destination: { host: "details" } }],
          },
        ],
      },
    };
    const production = parse(readFileSync(stackFileOf("production"), "utf8")) as { config: object };
    const file = path.join(folder, "Pulumi.faulty.yaml");
    writeFileSync(file, stringify({ config: { ...production.config, "talos-mesh:objects": [fault] } }));
    const { status, stdout, stderr } = render("--config", file, "--guardrails", "--out", path.join(folder, "out"));
    assert.deepEqual([status, stderr], [1, ""]);
    assert.match(stdout, /^faulty: \d+ files in /);
    assert.match(
      stdout,
      /\nmandatory no-faults: .*\n {2}VirtualService\/bookinfo\/slow: spec\.http\[0\] injects a fault \(delay\)/,
    );
  });

  it("needs a folder or guardrails", () => {
    const { status, stderr } = render("--stack", "dev");
    assert.notEqual(status, 0);
    assert.match(stderr, /--out is missing/);
  });
});
