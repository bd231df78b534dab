import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { verifiedTag } from "../../scripts/ci/pulumi";
import { type Content, Project } from "./project";
import { removeTemporaryFolders } from "./support";

const urn = (types: string, name: string) => `urn:pulumi:production::talos-mesh::${types}::${name}`;
const route = urn("talos-mesh:policies:MeshPolicies$kubernetes:networking.istio.io/v1:VirtualService", "reviews");
const rule = urn("talos-mesh:policies:MeshSecurity$kubernetes:security.istio.io/v1:AuthorizationPolicy", "new");
const namespace = urn("talos-mesh:platform:Platform$kubernetes:core/v1:Namespace", "shop");
const claim = urn("kubernetes:core/v1:PersistentVolumeClaim", "data");
const machine = urn("talos-mesh:cluster:TalosCluster$command:local:Command", "cluster-apply-worker-3");
const release = urn("talos-mesh:observability:Observability$kubernetes:helm.sh/v3:Release", "observability-loki");

const good: Content = { program: { [route]: "v1", [machine]: "a" } };
const newer = { [route]: "v2", [machine]: "b", [rule]: "1", [namespace]: "1", [claim]: "1", [release]: "1" };

afterEach(removeTemporaryFolders);

/** The good commit is deployed and verified, then the other one is deployed. */
function deployed(second: Content, first: Content = good) {
  const project = new Project();
  const before = project.commit(first);
  assert.equal(project.run("deploy.ts", "production").status, 0);
  const after = project.commit(second);
  return { project, before, after, deployment: project.run("deploy.ts", "production") };
}

describe("a deployment", () => {
  it("records the commit as verified where every policy holds", () => {
    const { project, after, deployment } = deployed({ program: newer });
    assert.equal(deployment.status, 0);
    assert.equal(project.state.tags[verifiedTag], after);
    assert.match(project.summary, /# Verification: holds\n/);
    assert.match(project.read(".talos-mesh/production/outcome.md"), /is deployed, and every policy holds\n\n$/);
  });

  it("passes further arguments to pulumi up", () => {
    const project = new Project();
    project.commit(good);
    project.run("deploy.ts", "production", "--plan", "plan.json");
    assert.ok(project.state.calls.some((call) => /^up --stack production --yes .* --plan plan\.json$/.test(call)));
  });

  it("fails, and records nothing, where pulumi up fails", () => {
    const { project, before, deployment } = deployed({ program: { ...newer, [rule]: "broken" } });
    assert.equal(deployment.status, 1);
    assert.match(deployment.stderr, /^error: [0-9a-f]{40} could not be deployed to production and verified\n$/m);
    assert.equal(project.state.tags[verifiedTag], before);
    assert.match(project.summary, /failed\n\n```text\npulumi up .*: exit code 255\nerror: update failed\n```/);
  });

  it("fails, and records nothing, where a policy does not hold", () => {
    const { project, before, deployment } = deployed({ program: newer, verdict: "fails" });
    assert.equal(deployment.status, 1);
    assert.equal(project.state.tags[verifiedTag], before);
    assert.match(project.summary, /1 policy is not verified/);
  });

  it("records nothing where a policy that does not hold is a warning only", () => {
    const { project, before, deployment } = deployed({ program: newer, verdict: "fails warns" });
    assert.equal(deployment.status, 0);
    assert.equal(project.state.tags[verifiedTag], before);
    assert.match(project.summary, /is deployed, and not verified/);
  });

  it("counts as verified in a stack without verification", () => {
    const { project, after } = deployed({ program: newer, verdict: "fails", config: {} });
    assert.equal(project.state.tags[verifiedTag], after);
    assert.match(project.summary, /counts as verified, as the stack has no talos-mesh:verification/);
  });
});

describe("a rollback", () => {
  for (const [cause, second] of [
    ["a policy does not hold", { program: newer, verdict: "fails" }],
    ["pulumi up fails half-way", { program: { ...newer, [release]: "broken" } }],
  ] as const) {
    it(`deploys the commit that was verified last where ${cause}`, () => {
      const { project, before, after } = deployed(second);
      const { status } = project.run("rollback.ts", "production");
      assert.equal(status, 0);
      const { resources, history, tags } = project.state;
      assert.equal(resources[route], "v1");
      assert.equal(resources[rule], undefined);
      assert.equal(history[0]?.environment["git.head"], before);
      assert.equal(tags[verifiedTag], before);
      const outcome = project.read(".talos-mesh/production/outcome.md");
      assert.ok(outcome.includes(`### \`production\` was rolled back to \`${before}\``));
      assert.ok(outcome.includes(`\`${after}\` failed. \`${before}\` was verified before, and again now.`));
      assert.ok(outcome.includes("- update `networking.istio.io/v1:VirtualService reviews`\n"));
    });
  }

  it("leaves machines, data, namespaces and charts as they are, and says so", () => {
    const { project } = deployed({ program: newer, verdict: "fails" });
    project.run("rollback.ts", "production");
    const { resources } = project.state;
    for (const left of [machine, namespace, claim, release] as const) assert.equal(resources[left], newer[left]);
    const outcome = project.read(".talos-mesh/production/outcome.md");
    assert.match(outcome, /Left as it is: 4\n/);
    assert.ok(outcome.includes("- `core/v1:PersistentVolumeClaim data`: its kind may hold data\n"));
    assert.ok(outcome.includes("- `core/v1:Namespace shop`: a namespace is deleted with everything in it\n"));
  });

  it("is not a success where the older commit no longer verifies", () => {
    const { project, before } = deployed({ program: newer, verdict: "fails" }, good);
    const state = project.state;
    // The cluster itself is at fault: the older commit fails as well.
    const bad = project.commit({ ...good, verdict: "fails" });
    project.save({ ...state, tags: { [verifiedTag]: bad } });
    project.commit({ program: newer, verdict: "fails" });
    const { status, stderr } = project.run("rollback.ts", "production");
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`production could not be rolled back to ${bad}`));
    assert.match(project.read(".talos-mesh/production/outcome.md"), /By hand:\n- Forward, which is always possible/);
    assert.notEqual(bad, before);
  });

  /** Nothing but a preview may have run. */
  function assertRefused(project: Project, reason: RegExp): void {
    const { resources, history } = project.state;
    const { status, stderr } = project.run("rollback.ts", "production");
    assert.equal(status, 1);
    assert.match(stderr, reason);
    assert.deepEqual(project.state.resources, resources);
    assert.deepEqual(project.state.history, history);
    const outcome = project.read(".talos-mesh/production/outcome.md");
    assert.match(outcome, /was not rolled back: nothing was changed/);
    assert.match(outcome, reason);
    assert.match(outcome, /By hand:\n/);
  }

  it("is refused where no commit was verified yet", () => {
    const project = new Project();
    project.commit({ program: newer, verdict: "fails" });
    assert.equal(project.run("deploy.ts", "production").status, 1);
    assertRefused(project, /no commit was verified on production yet/);
  });

  it("is refused where the commit that failed is the one that was verified last", () => {
    const project = new Project();
    project.commit(good);
    assert.equal(project.run("deploy.ts", "production").status, 0);
    assertRefused(project, /was verified on production before, so its change is not the cause/);
  });

  it("is refused where the history of the checkout does not have the commit", () => {
    const { project } = deployed({ program: newer, verdict: "fails" });
    project.save({ ...project.state, tags: { [verifiedTag]: "f".repeat(40) } });
    assertRefused(project, /f{40}, which was verified last, is not in the history of this checkout; fetch all of it/);
  });

  it("is refused over an upgrade of a minor version", () => {
    const stack = (talosVersion: string) => ({
      config: { "talos-mesh:cluster": { kind: "talos", name: "prod", talosVersion }, "talos-mesh:verification": {} },
    });
    const first = { ...good, ...stack("v1.13.9") };
    const { project } = deployed({ program: newer, verdict: "fails", ...stack("v1.14.1") }, first);
    assertRefused(project, /cluster\.talosVersion: v1\.13\.9 to v1\.14\.1 was an upgrade of a minor version/);
  });

  it("is refused, with the message of the CLI, where the preview fails", () => {
    const { project } = deployed({ program: newer, verdict: "fails" });
    project.save({ ...project.state, previewFails: true });
    assertRefused(project, /pulumi preview --stack production --json/);
    assert.match(project.read(".talos-mesh/production/outcome.md"), /currently locked by 1 lock/);
  });
});

describe("the commit for production", () => {
  it("is the one that is deployed to staging, if it is verified as well", () => {
    const { project, after } = deployed({ program: newer });
    assert.equal(project.run("deployed-commit.ts", "production", "--verified", "").stdout, `${after}\n`);
    assert.equal(project.run("deployed-commit.ts", "production", after.slice(0, 8)).stdout, `${after}\n`);
  });

  it("is refused where another one was verified last", () => {
    const { project, before, after } = deployed({ program: newer, verdict: "fails" });
    assert.equal(project.run("deployed-commit.ts", "production").stdout, `${after}\n`);
    const { status, stdout, stderr } = project.run("deployed-commit.ts", "production", "--verified");
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(
      stderr,
      new RegExp(`^error: ${after} is deployed to production, and ${before} was verified there last`),
    );
  });
});

describe("the nightly checks of a stack", () => {
  function nightly(second: Content, change?: (project: Project) => void) {
    const { project, after } = deployed(second);
    change?.(project);
    const result = project.run("nightly.sh", "production", ".talos-mesh/nightly");
    const read = (file: string) => project.read(`.talos-mesh/nightly/${file}`);
    return { ...result, read, project, after };
  }

  it("find nothing where the stack is as it was deployed, whatever was committed since", () => {
    const { status, read } = nightly({ program: newer }, (project) => project.commit({ program: {} }));
    assert.equal(status, 0);
    assert.deepEqual([read("drift.code"), read("verification.code")], ["0\n", "0\n"]);
    assert.equal(read("verification/verification.md"), "# Verification: holds\n");
  });

  it("find drift, and verify all the same", () => {
    const { status, read } = nightly({ program: newer }, (project) => {
      project.save({ ...project.state, resources: { ...newer, [route]: "changed by hand" } });
    });
    assert.equal(status, 1);
    assert.deepEqual([read("drift.code"), read("verification.code")], ["255\n", "0\n"]);
    assert.match(read("drift.output"), /no changes were expected but changes were proposed/);
  });

  it("find a policy that does not hold", () => {
    const { status, read } = nightly({ program: newer, verdict: "fails" });
    assert.equal(status, 1);
    assert.deepEqual([read("drift.code"), read("verification.code")], ["0\n", "1\n"]);
    assert.match(read("verification.output"), /1 policy is not verified/);
  });

  it("leave no worktree behind", () => {
    const { project } = nightly({ program: newer });
    assert.doesNotMatch(project.read(".git/config"), /worktree/);
    assert.ok(!existsSync(path.join(project.folder, ".git/worktrees")));
  });
});
