"use strict";
// Mocha's reporter: a line for each file. At the end, where TALOS_MESH_TEST_RESULT names a file, the results are written
// to it for `npm test`; else they are printed: what was skipped with its reason, every failure, and the counts. A test that
// is skipped without a reason has failed.
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
    this.files = {};
    this.failures = [];
    this.skipped = {};
    const printed = new Map();
    let current;
    let since = Date.now();

    const print = (file) => {
      const { passed, failed, skipped, ms } = this.files[file];
      const mark = failed > 0 ? "FAILED" : skipped > 0 ? "part  " : "ok    ";
      const detail = [`${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} skipped`];
      const line = `${mark} ${file}  ${detail.filter(Boolean).join(", ")}  ${(ms / 1000).toFixed(1)} s`;
      if (printed.get(file) !== line) console.log(line);
      printed.set(file, line);
    };
    // Files run one after the other: one is done when the next one begins. Its time includes its hooks.
    const begin = ({ file }) => {
      const name = file && path.relative(process.cwd(), file);
      if (name === undefined || name === current) return;
      end();
      current = name;
      since = Date.now();
    };
    const end = () => {
      if (this.files[current] === undefined) return;
      this.files[current].ms = Date.now() - since;
      print(current);
    };
    const count = (test, kind) => {
      const file = test.file ? path.relative(process.cwd(), test.file) : "(no file)";
      this.files[file] ??= { passed: 0, failed: 0, skipped: 0, ms: 0 };
      this.files[file][kind] += 1;
    };
    const fail = (test, error) => {
      count(test, "failed");
      this.failures.push({ title: test.fullTitle(), text: error?.stack ?? String(error) });
    };

    runner.on(EVENT_SUITE_BEGIN, begin);
    runner.on(EVENT_TEST_BEGIN, begin);
    runner.on(EVENT_TEST_PASS, (test) => count(test, "passed"));
    runner.on(EVENT_TEST_FAIL, fail);
    runner.on(EVENT_TEST_PENDING, (test) => {
      const reason = reasonOf(test);
      if (reason === undefined) return fail(test, new Error("skipped without a reason"));
      count(test, "skipped");
      (this.skipped[reason] ??= []).push(test.fullTitle());
    });
    runner.on(EVENT_RUN_END, () => {
      end();
      for (const file of Object.keys(this.files)) print(file);
      const { files, failures, skipped } = this;
      const target = process.env.TALOS_MESH_TEST_RESULT;
      if (target) writeFileSync(target, JSON.stringify({ files, failures, skipped }));
      else this.print();
      // Mocha does not count a test that is skipped without a reason as a failure.
      if (failures.length > 0) process.exitCode = 1;
    });
  }

  print() {
    for (const [reason, titles] of Object.entries(this.skipped)) {
      console.log(`\nskipped, because ${reason}:`);
      for (const title of titles) console.log(`  - ${title}`);
    }
    this.failures.forEach(({ title, text }, index) => console.log(`\n${index + 1}) ${title}\n${text}`));
    const sum = (key) => Object.values(this.files).reduce((total, counts) => total + counts[key], 0);
    console.log(`\n${sum("passed")} passed, ${this.failures.length} failed, ${sum("skipped")} skipped`);
  }

  done(failures, finish) {
    finish(Math.max(failures, this.failures.length));
  }
}

module.exports = Reporter;
