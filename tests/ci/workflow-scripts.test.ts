import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { comment, commentOnCommit } from "../../.github/scripts/comment";
import { deployedCommit } from "../../scripts/ci/deployed-commit";
import { checks, finding, report } from "../../.github/scripts/issues";
import { GitHub } from "../../.github/scripts/github";
import { gitDiff, marker } from "../../scripts/ci/render-diff";
import { bot, fakeGitHub, type FakeGitHub, removeTemporaryFolders, root, temporaryFolder } from "./support";

const sha = "0123456789abcdef0123456789abcdef01234567";
const head = { owner: "stranger", branch: "a branch", sha };

let github: FakeGitHub | undefined;
async function answering(lists: Record<string, unknown[]>): Promise<GitHub> {
  github = await fakeGitHub(lists);
  return new GitHub(github.env);
}
const writes = () => github?.requests.filter(({ method }) => method !== "GET") ?? [];

afterEach(async () => {
  removeTemporaryFolders();
  await github?.close();
  github = undefined;
});

describe("the comment of a pull request", () => {
  const pulls = [{ number: 7, head: { sha } }];

  it("is written where there is none", async () => {
    const client = await answering({ "/pulls": pulls, "/issues/7/comments": [] });
    assert.equal(await comment(client, head, 7, "report"), "Wrote the comment of #7.");
    assert.deepEqual(writes(), [
      { method: "POST", url: "/repos/example/mesh/issues/7/comments", body: { body: "report" } },
    ]);
    assert.ok(github?.requests[0]?.url.includes("head=stranger%3Aa%20branch"));
  });

  it("is replaced where there is one, also beyond the first hundred comments", async () => {
    const others = Array.from({ length: 150 }, (_, id) => ({ id, body: "hello", user: { login: "someone" } }));
    const comments = [...others, { id: 900, body: `${marker}\nold`, user: bot }];
    const client = await answering({ "/pulls": pulls, "/issues/7/comments": comments });
    assert.equal(await comment(client, head, 7, "report"), "Updated the comment of #7.");
    assert.deepEqual(
      writes().map(({ method, url }) => [method, url]),
      [["PATCH", "/repos/example/mesh/issues/comments/900"]],
    );
  });

  it("leaves alone a person's comment that quotes ours", async () => {
    const client = await answering({
      "/pulls": pulls,
      "/issues/7/comments": [{ id: 1, body: `${marker}\nquoted`, user: { login: "someone" } }],
    });
    assert.equal(await comment(client, head, 7, "report"), "Wrote the comment of #7.");
  });

  it("is not written to a pull request that an artifact merely claims to be", async () => {
    const client = await answering({ "/pulls": pulls, "/issues/8/comments": [] });
    assert.match(await comment(client, head, 8, "report"), /^No open pull request #8 with the head 0123/);
    assert.deepEqual(writes(), []);
  });

  it("is not written for a commit that was pushed over", async () => {
    const client = await answering({ "/pulls": [{ number: 7, head: { sha: "f".repeat(40) } }] });
    assert.match(await comment(client, head, 7, "report"), /Nothing was written/);
  });

  it("fails with GitHub's status where GitHub refuses", async () => {
    const client = await answering({});
    await assert.rejects(comment(client, head, 7, "report"), /GET \/pulls\?.*: 404/);
  });
});

describe("the commit that is deployed to a stack", () => {
  const update = (result: string, commit = sha) => ({ kind: "update", result, environment: { "git.head": commit } });
  const history = (...entries: object[]) => JSON.stringify(entries);

  it("is that of the newest update, whatever was refreshed since", () => {
    const entries = history(
      { kind: "refresh", result: "succeeded" },
      update("succeeded"),
      update("succeeded", "f".repeat(40)),
    );
    assert.equal(deployedCommit("staging", entries), sha);
  });

  it("may be asked for by the commit or its beginning", () => {
    assert.equal(deployedCommit("staging", history(update("succeeded")), sha), sha);
    assert.equal(deployedCommit("staging", history(update("succeeded")), "0123456"), sha);
  });

  const refused: [string, string, string, RegExp][] = [
    [
      "another commit",
      history(update("succeeded")),
      "f".repeat(40),
      /0123.* is deployed to staging, not ffff.*only the commit on staging/,
    ],
    ["a beginning that is too short", history(update("succeeded")), "0123", /not 0123;/],
    ["a failed update", history(update("failed"), update("succeeded")), "", /"failed", not "succeeded"/],
    ["an update under way", history(update("in-progress")), "", /"in-progress"/],
    [
      "a stack that was destroyed",
      history({ kind: "destroy", result: "succeeded" }, update("succeeded")),
      "",
      /was destroyed/,
    ],
    ["a stack never deployed", history(), "", /never been deployed/],
    ["an update from outside git", history({ kind: "update", result: "succeeded" }), "", /has no commit/],
  ];
  for (const [what, entries, asked, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => deployedCommit("staging", entries, asked), message);
    });
  }
});

describe("the comment about a deployment", () => {
  it("goes to the pull request that brought the commit", async () => {
    const pulls = [
      { number: 3, merged_at: null },
      { number: 7, merged_at: "2026-01-01T00:00:00Z" },
    ];
    const client = await answering({ [`/commits/${sha}/pulls`]: pulls });
    assert.equal(await commentOnCommit(client, sha, "rolled back"), "Wrote a comment to #7.");
    assert.deepEqual(writes(), [
      { method: "POST", url: "/repos/example/mesh/issues/7/comments", body: { body: "rolled back" } },
    ]);
  });

  it("is not written where the commit came without one", async () => {
    const client = await answering({ [`/commits/${sha}/pulls`]: [{ number: 3, merged_at: null }] });
    assert.match(await commentOnCommit(client, sha, "rolled back"), /^No merged pull request has the commit 0123/);
    assert.deepEqual(writes(), []);
  });
});

describe("a nightly check", () => {
  const found = (output: string, exitCode = 255) => ({ exitCode, output, runUrl: "https://run" });

  it("distinguishes drift from a preview that failed", () => {
    assert.equal(finding(checks.drift, 0, ""), "none");
    assert.equal(finding(checks.drift, 1, "error: no changes were expected but changes were proposed"), "found");
    assert.equal(
      finding(checks.drift, 255, "error: no changes were expected for preview but changes were proposed"),
      "found",
    );
    assert.equal(finding(checks.drift, 1, "error: could not log in"), "unknown");
  });

  it("distinguishes policies that do not hold from a verification that failed", () => {
    assert.equal(finding(checks.verification, 0, "24 policies hold"), "none");
    for (const text of ["1 policy is not verified", "3 policies are not verified"]) {
      assert.equal(finding(checks.verification, 1, `line\n${text}\nnext: see the report`), "found");
    }
    assert.equal(finding(checks.verification, 1, "error: could not connect"), "unknown");
  });

  const drifted = found("error: no changes were expected but changes were proposed\n~ spec");

  it("opens an issue with the output", async () => {
    const client = await answering({ "/issues": [] });
    assert.equal(await report(client, "staging", "drift", drifted), "staging: drift: found; opened an issue.");
    const [{ body } = { body: undefined }] = writes();
    assert.equal((body as { title: string }).title, "Drift: staging");
    assert.match((body as { body: string }).body, /```diff\nerror: .*\n~ spec\n```$/);
  });

  const open = { id: 1, number: 12, body: "<!-- talos-mesh:drift:staging -->\nold", user: bot };

  it("keeps one issue for a stack and a check up to date", async () => {
    const others = ["drift:production", "verification:staging"].map((name, index) => {
      return { ...open, id: index + 2, number: index + 13, body: `<!-- talos-mesh:${name} -->` };
    });
    const client = await answering({ "/issues": [...others, open] });
    await report(client, "staging", "drift", found("error: could not log in"));
    assert.deepEqual(
      writes().map(({ method, url, body }) => [method, url, (body as { title: string }).title]),
      [["PATCH", "/repos/example/mesh/issues/12", "Drift: staging could not be checked"]],
    );
  });

  it("closes the issue when nothing is found any more", async () => {
    const client = await answering({ "/issues": [open] });
    const message = await report(client, "staging", "drift", found("", 0));
    assert.equal(message, "staging: drift: nothing found; closed #12.");
    assert.deepEqual(writes().at(-1), {
      method: "PATCH",
      url: "/repos/example/mesh/issues/12",
      body: { state: "closed" },
    });
  });

  it("writes nothing where there was and is nothing", async () => {
    const client = await answering({ "/issues": [] });
    const message = await report(client, "staging", "verification", found("", 0));
    assert.equal(message, "staging: verification: nothing found.");
    assert.deepEqual(writes(), []);
  });

  it("cuts output that is longer than an issue may be", async () => {
    const client = await answering({ "/issues": [] });
    await report(client, "staging", "drift", found("~ line\n".repeat(50_000)));
    assert.ok((writes()[0]?.body as { body: string }).body.length <= 65_536);
  });
});

describe("git's diff of two renderings", () => {
  it("stays inside its folder whatever the names are", () => {
    const diff = gitDiff(
      new Map(),
      new Map([
        ["../../../escaped.yaml", "a: 1\n"],
        ["x/../../y", "b\n"],
        [".gitattributes", "* -diff\n"],
      ]),
    );
    assert.match(diff, /\+a: 1/);
    assert.match(diff, /\+b/);
    assert.ok(!existsSync(path.resolve("/escaped.yaml")));
  });

  it("shows lines that look like git's own headers", () => {
    assert.match(gitDiff(new Map([["a", "x\n"]]), new Map([["a", "x\nindex 1\n"]])), /\n\+index 1/);
  });
});

describe("rendering every stack", () => {
  /** A project whose `npm run render` succeeds for every stack but `broken`. */
  function project(): { folder: string; env: NodeJS.ProcessEnv } {
    const npm = `#!/usr/bin/env bash
[ "$*" = "run --silent render -- --stack $6 --out $8" ] || { echo "called with $*"; exit 9; }
if [ "$6" = broken ]; then echo "talos-mesh:mesh: missing"; exit 1; fi
mkdir -p "$8" && echo "kind: Namespace" > "$8/core_namespace.yaml" && echo "$6: 1 file"
`;
    const folder = temporaryFolder({
      "Pulumi.yaml": "",
      "Pulumi.a.yaml": "",
      "Pulumi.broken.yaml": "",
      "Pulumi.c.yaml": "",
      "bin/npm": npm,
    });
    chmodSync(path.join(folder, "bin/npm"), 0o755);
    return { folder, env: { ...process.env, PATH: `${path.join(folder, "bin")}:${process.env["PATH"]}` } };
  }

  it("goes on after a stack that fails, keeps its message and fails in the end", () => {
    const { folder, env } = project();
    const out = path.join(folder, "out");
    const { status } = spawnSync(path.join(root, "scripts/ci/render-stacks.sh"), [folder, out], {
      env,
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.equal(readFileSync(path.join(out, "broken.failed"), "utf8"), "talos-mesh:mesh: missing\n");
    for (const stack of ["a", "c"]) assert.ok(existsSync(path.join(out, stack, "core_namespace.yaml")));
    assert.ok(!existsSync(path.join(out, "a.failed")) && !existsSync(path.join(out, "broken")));
  });
});

describe("pulumi-preview.sh", () => {
  function run(exitCode: number) {
    const folder = temporaryFolder({
      "bin/pulumi": `#!/usr/bin/env bash\necho "pulumi $*"\nexit ${exitCode}\n`,
      summary: "",
    });
    chmodSync(path.join(folder, "bin/pulumi"), 0o755);
    const result = spawnSync(path.join(root, "scripts/ci/pulumi-preview.sh"), ["staging", "--refresh"], {
      env: {
        ...process.env,
        PATH: `${path.join(folder, "bin")}:${process.env["PATH"]}`,
        GITHUB_STEP_SUMMARY: path.join(folder, "summary"),
      },
      encoding: "utf8",
    });
    return { ...result, summary: readFileSync(path.join(folder, "summary"), "utf8") };
  }

  it("writes the preview to the log and to the summary", () => {
    const { status, stdout, summary } = run(0);
    assert.equal(status, 0);
    assert.match(stdout, /^pulumi preview --stack staging .*--refresh\n$/);
    assert.ok(summary.includes(stdout));
  });

  it("ends with the exit code of pulumi", () => {
    const { status, summary } = run(3);
    assert.equal(status, 3);
    assert.match(summary, /pulumi preview --stack staging/);
  });
});
