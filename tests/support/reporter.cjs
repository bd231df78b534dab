"use strict";
// Mocha's reporter of `npm test`: a line a file, every failure whole, every skipped part with its reason, and the
// counts in one closing line. A test that is pending without a reason has failed: skipping is never silent.
const { writeFileSync } = require("node:fs");
const path = require("node:path");
const Mocha = require("mocha");

const { EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_TEST_BEGIN, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } =
  Mocha.Runner.constants;

function reasonOf(test) {
  for (let at = test; at; at = at.parent) if (at.skipReason) return at.skipReason;
  return undefined;
}

class Reporter {
  constructor(runner) {
    const root = process.cwd();
    const files = new Map();
    const failures = [];
    const skipped = new Map();
    const started = Date.now();
    const told = new Map();
    const tell = (file) => {
      const { passed, failed, skipped: left, ms } = files.get(file);
      const mark = failed > 0 ? "FAILED" : left > 0 ? "part  " : "ok    ";
      const detail = [`${passed} passed`, failed && `${failed} failed`, left && `${left} skipped`].filter(Boolean);
      const line = `${mark} ${file}  ${detail.join(", ")}  ${(ms / 1000).toFixed(1)} s`;
      if (told.get(file) !== line) console.log(line);
      told.set(file, line);
    };
    let current;
    const count = (test, kind) => {
      const file = test.file ? path.relative(root, test.file) : "(no file)";
      const counts = files.get(file) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 };
      counts[kind] += 1;
      counts.ms += test.duration ?? 0;
      files.set(file, counts);
      current = file;
    };
    // Files run one after the other: when anything of the next one begins, all of the one before is counted.
    const begin = ({ file }) => {
      if (current === undefined || file === undefined || path.relative(root, file) === current) return;
      tell(current);
      current = undefined;
    };
    runner.on(EVENT_SUITE_BEGIN, begin);
    runner.on(EVENT_TEST_BEGIN, begin);

    runner.on(EVENT_TEST_PASS, (test) => count(test, "passed"));
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      count(test, "failed");
      failures.push({ title: test.fullTitle(), error });
    });
    runner.on(EVENT_TEST_PENDING, (test) => {
      const reason = reasonOf(test);
      if (reason === undefined) {
        count(test, "failed");
        failures.push({ title: test.fullTitle(), error: new Error("skipped without a reason") });
      } else {
        count(test, "skipped");
        skipped.set(reason, [...(skipped.get(reason) ?? []), test.fullTitle()]);
      }
    });
    runner.on(EVENT_RUN_END, () => {
      for (const file of files.keys()) tell(file);
      for (const [reason, titles] of skipped) {
        console.log(`\nskipped, because ${reason}:`);
        for (const title of titles) console.log(`  - ${title}`);
      }
      failures.forEach(({ title, error }, index) => {
        console.log(`\n${index + 1}) ${title}\n${error?.stack ?? String(error)}`);
      });
      const total = { passed: 0, failed: 0, skipped: 0, ms: Date.now() - started };
      for (const counts of files.values()) {
        total.passed += counts.passed;
        total.failed += counts.failed;
        total.skipped += counts.skipped;
      }
      this.total = total;
      const target = process.env.TALOS_MESH_TEST_RESULT;
      if (target) writeFileSync(target, JSON.stringify(total));
      else console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
      // Mocha counts its own failures; a silent skip is one it does not know of.
      if (total.failed > 0) process.exitCode = 1;
    });
  }

  done(failures, finish) {
    finish(Math.max(failures, this.total?.failed ?? 0));
  }
}

module.exports = Reporter;
