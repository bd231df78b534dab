"use strict";
// The machines that the fake talosctl and kubectl talk to: a folder with one JSON file, named by FAKE_TALOS. Time is
// counted in calls, so that no test waits: whoever asks a node often enough sees it boot.
const { createHash } = require("node:crypto");
const { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = require("node:fs");
const path = require("node:path");

const folder = process.env.FAKE_TALOS;

function wait(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const lock = () => path.join(folder, "lock");
const unlock = () => rmSync(lock(), { recursive: true, force: true });

/** The world, for this call alone: steps run side by side. */
function load() {
  for (;;) {
    try {
      mkdirSync(lock());
      break;
    } catch {
      // A call that was ended by its deadline leaves its lock.
      if (Date.now() - (statSync(lock(), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 10_000) unlock();
      wait(5);
    }
  }
  process.on("exit", unlock);
  return JSON.parse(readFileSync(path.join(folder, "world.json"), "utf8"));
}

/** Renamed into place: a process that is killed leaves the old world or the new one. */
function save(world) {
  const part = path.join(folder, `world.json.${process.pid}`);
  writeFileSync(part, JSON.stringify(world, null, 2));
  renameSync(part, path.join(folder, "world.json"));
}

/** Everything a call could give away, for the tests that look for secrets. */
function record(program, argv) {
  appendFileSync(path.join(folder, "calls.jsonl"), `${JSON.stringify({ program, argv, env: process.env })}\n`);
}

/** What a cluster is known by on its nodes and in a talosconfig, from the ID in its machine secrets. */
function fingerprint(id) {
  return createHash("sha256").update(id).digest("hex").slice(0, 16);
}

/** Ends the process as talosctl does: the text on stderr, exit code 1. */
function fail(text, code = 1) {
  process.stderr.write(`${text}\n`);
  process.exit(code);
}

/**
 * What the test wants to go wrong: `faults` are errors for calls whose arguments match, `times` times, instead of their
 * effect or, with `after`, of the answer to it; `kill` is the call, counted from 1, at which the whole process group dies, before or after it has had its effect.
 */
function disturb(world, argv) {
  world.calls = (world.calls ?? 0) + 1;
  const line = argv.join(" ");
  const fault = (world.faults ?? []).find(({ match, times }) => times > 0 && new RegExp(match).test(line));
  if (fault) fault.times -= 1;
  save(world);
  if (world.kill && world.kill.call === world.calls && !world.kill.after) die();
  if (!fault) return;
  if (fault.hang) {
    // Longer than any deadline of a test; the caller's own ends it.
    unlock();
    wait(fault.hang);
  }
  if (fault.error === undefined) return;
  if (!fault.after) fail(fault.error, fault.code ?? 1);
  lostAnswer = fault.error;
}

function afterwards(world) {
  save(world);
  if (world.kill && world.kill.call === world.calls && world.kill.after) die();
  if (lostAnswer !== undefined) fail(lostAnswer);
}

let lostAnswer;

function die() {
  unlock();
  process.kill(0, "SIGKILL");
}

/** One step of time for a node: `then` is what it becomes after `in` more calls that ask for it. */
function pass(node) {
  if (!node.next?.length) return;
  node.next[0].in -= 1;
  if (node.next[0].in >= 0) return;
  const change = node.next.shift();
  delete change.in;
  Object.assign(node, change);
}

module.exports = { afterwards, disturb, fail, fingerprint, load, pass, record, save };
