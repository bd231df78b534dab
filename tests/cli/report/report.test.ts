import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import type { StackStatus } from "../../../cli/engine/engine";
import { isHealthy, layerTable, reportDeployed, reportStatus } from "../../../cli/report/outcome";
import { Progress, RunSummary } from "../../../cli/report/progress";
import { elapsed, table, Terminal } from "../../../cli/report/terminal";

function capture(tty = false, env: NodeJS.ProcessEnv = {}) {
  const [out, err] = [0, 1].map(() => Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY: tty }));
  assert.ok(out && err);
  const read = (stream: PassThrough) => (stream.read() as string | null) ?? "";
  return { terminal: new Terminal(out, err, env), out: () => read(out), err: () => read(err) };
}

describe("what a person sees", () => {
  const item = (layer: string, name: string) => ({ layer, label: `ConfigMap ${name}` });

  it("is a line for each layer once it is done, a table, the outputs, and what was not measured", () => {
    const { terminal, out } = capture();
    const progress = new Progress(terminal);
    progress.started(item("platform", "a"));
    progress.started(item("platform", "b"));
    progress.finished(item("platform", "a"), "created");
    assert.equal(out(), "");
    progress.finished(item("platform", "b"), "updated");
    progress.started(item("mesh", "c"));
    assert.match(out(), /^✓ platform +2 objects +0\.0s\n$/);
    progress.finished(item("mesh", "c"), "unchanged");
    progress.close();
    assert.match(out(), /^✓ mesh +1 object +0\.0s\n$/);
    const outputs = {
      urls: ["http://a", "http://b"],
      kubeconfig: "[secret]",
      notes: ["Nodes are simulated."],
      empty: [],
    };
    reportDeployed(terminal, progress, outputs, Date.now());
    assert.equal(
      out().replace(/\d\.\ds/g, "Ts"),
      [
        ...["", "layer     objects  created  updated  unchanged  time"],
        ...["platform        2        1        1          0  Ts", "mesh            1        0        0          1  Ts"],
        ...["", "Outputs", "  urls               http://a", "                     http://b"],
        ...["", "Notes", "  - Nodes are simulated.", "", "Deployed in Ts.", ""],
      ].join("\n"),
    );
  });

  it("is a second line for a layer that goes on after another, of what has come since and how many that makes", () => {
    const { terminal, out } = capture();
    const progress = new Progress(terminal);
    const make = (layer: string, ...names: string[]) => {
      for (const name of names) progress.started(item(layer, name));
      for (const name of names) progress.finished(item(layer, name), "created");
    };
    make("policies", "a", "b");
    make("apps", "c");
    make("policies", "d", "e", "f");
    progress.close();
    assert.equal(
      out().replace(/\d\.\ds/g, "Ts"),
      [
        ...["✓ policies       2 objects  Ts", "✓ apps            1 object  Ts"],
        ...["✓ policies       3 objects  Ts  (5 in total)", ""],
      ].join("\n"),
    );
  });

  it("is only the notes and the table without times where the engine prints its own progress", () => {
    const { terminal, out, err } = capture();
    const progress = new Progress(terminal, true);
    progress.started(item("mesh", "c"));
    progress.failed(item("mesh", "c"), "is not ready");
    progress.note("a note");
    progress.close();
    assert.deepEqual([out(), err()], ["! a note\n", ""]);
    reportDeployed(terminal, progress, {}, Date.now());
    assert.match(out(), /failed\nmesh +1 +0 +0 +0 +1\n/);
  });

  it("says so when nothing changed", () => {
    const { terminal, out } = capture();
    const progress = new Progress(terminal);
    progress.started(item("mesh", "c"));
    progress.finished(item("mesh", "c"), "unchanged");
    progress.close();
    reportDeployed(terminal, progress, {}, Date.now());
    assert.match(out(), /Nothing changed \(0\.0s\)\.\n$/);
  });

  it("is what failed and why, on standard error, and no tick for its layer", () => {
    const { terminal, out, err } = capture();
    const progress = new Progress(terminal);
    progress.started(item("mesh", "c"));
    progress.failed(item("mesh", "c"), "is not ready\nevent Failed: no such image");
    progress.close();
    assert.equal(err(), "✗ mesh: ConfigMap c: is not ready\n    event Failed: no such image\n");
    assert.equal(out(), "");
    assert.ok(progress.hasReported(new Error("web: is not ready\nevent Failed: no such image")));
    assert.ok(!progress.hasReported(new Error("another")));
  });

  it("has colors on a terminal only, and none with NO_COLOR", () => {
    const painted = (tty: boolean, env: NodeJS.ProcessEnv = {}) => capture(tty, env).terminal.paint("red", "x");
    assert.equal(painted(true), "\u001b[31mx\u001b[0m");
    assert.equal(painted(false), "x");
    assert.equal(painted(true, { NO_COLOR: "1" }), "x");
  });

  it("moves on a terminal only, and only when something takes more than a second", () => {
    const quiet = capture();
    quiet.terminal.show({ text: "waiting", since: 0 });
    quiet.terminal.show(undefined);
    assert.equal(quiet.err(), "");
  });

  it("counts the time in which a layer was being worked on, not the time between", () => {
    let now = 0;
    const summary = new RunSummary(() => now);
    const a = item("apps", "a");
    summary.begin(a);
    now = 100;
    summary.end(a, "created");
    now = 900;
    summary.begin(a);
    now = 950;
    summary.end(a, "failed");
    assert.deepEqual(
      summary.all().map(({ busyMs, counts }) => [busyMs, counts.failed]),
      [[150, 1]],
    );
    assert.match(layerTable(summary.all()).join("\n"), /failed {2}time\napps +2 +1 +0 +0 +1 +0\.1s|0\.2s/);
  });

  it("has aligned tables and short durations", () => {
    assert.deepEqual(
      table(
        ["a", "bb"],
        [
          ["xxx", 5],
          ["y", 10],
        ],
      ),
      ["a    bb", "xxx   5", "y    10"],
    );
    assert.deepEqual([0, 9940, 12_300, 59_600, 185_000].map(elapsed), ["0.0s", "9.9s", "12s", "60s", "3m 05s"]);
  });
});

describe("the status", () => {
  const cluster = { state: "running", name: "demo", nodes: { total: 3, ready: 3, missing: [] } } as const;
  const status = (state: StackStatus["findings"][number]["state"]): StackStatus => ({
    ...{ reachable: true, outputs: {} },
    findings: [{ layer: "mesh", label: "Release istio-system/istiod", kind: "release", state }],
  });

  it("is healthy only when everything is there as deployed and the cluster runs with all nodes", () => {
    const well = status("as deployed");
    assert.ok(isHealthy(cluster, well));
    assert.ok(isHealthy({ state: "absent" }, well), "a cluster that is not ours");
    assert.ok(!isHealthy(cluster, status("missing")));
    assert.ok(!isHealthy(cluster, undefined));
    assert.ok(!isHealthy({ ...cluster, nodes: { total: 3, ready: 2, missing: [] } }, well));
    assert.ok(!isHealthy({ ...cluster, nodes: { total: 2, ready: 2, missing: ["demo-worker-1"] } }, well));
    assert.ok(!isHealthy({ ...cluster, state: "stopped" }, well));
    assert.ok(!isHealthy(cluster, { ...well, reachable: false }));
    assert.ok(!isHealthy(cluster, status("not deployed")));
  });

  type Found = Parameters<typeof reportStatus> extends [unknown, unknown, ...infer Rest] ? Rest : never;
  const printed = (...found: Found) => printedFor("dev", ...found);
  const printedFor = (stack: string, ...args: Found) => {
    const { terminal, out } = capture();
    reportStatus(terminal, stack, ...args);
    return out();
  };

  it("names what is missing and what fixes it", () => {
    const text = printed({ ...cluster, nodes: { total: 2, ready: 2, missing: ["demo-worker-1"] } }, status("missing"));
    assert.match(text, /2 of 2 nodes ready, missing: demo-worker-1/);
    assert.match(text, /mesh +1 +0 +1 +0/);
    assert.match(text, /✗ Release istio-system\/istiod: missing/);
    assert.match(text, /`npm start` fixes what is missing or changed/);
    assert.doesNotMatch(text, /not deployed/);
  });

  it("names the stack in what to type, where it is another than dev's", () => {
    assert.match(printedFor("staging", cluster, status("missing")), /`npm start -- --stack staging` fixes/);
    assert.match(
      printedFor("staging", cluster, undefined),
      /`npm run destroy -- --stack staging` removes what there is/,
    );
  });

  it("counts by layer what an interrupted run has not deployed, and contradicts itself nowhere", () => {
    const open = (layer: string, label: string) => ({ layer, label, kind: "object", state: "not deployed" }) as const;
    const text = printed(cluster, {
      ...status("not deployed"),
      findings: [
        ...status("not deployed").findings,
        open("apps", "Service bookinfo/details"),
        open("apps", "Deployment bookinfo/details-v1"),
      ],
    });
    assert.match(
      text,
      /layer +objects +as deployed +missing +changed +not deployed\nmesh +1 +0 +0 +0 +1\napps +2 +0 +0 +0 +2\n/,
    );
    assert.match(text, /3 objects not deployed yet\. `npm start` fixes/);
    assert.doesNotMatch(text, /does not answer|as it was deployed/);
    assert.match(printed(cluster, status("as deployed")), /Everything is as it was deployed/);
  });

  it("of a cluster that another tool has deployed does not advise what is then refused", () => {
    const text = printed(cluster, "deployed by others");
    assert.match(text, /most likely `pulumi up` has/);
    assert.doesNotMatch(text, /continues where/);
    assert.match(
      printed({ ...cluster, state: "incomplete" }, "deployed by others"),
      /`npm start` deploys the stack, or continues where it stopped/,
    );
  });
});
